import { z } from "zod";
import { throughS3 } from "../../policy/key-use.ts";
import { createRole, listObjects, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt, type Resource } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const USER_ROLE = "https://docs.aws.amazon.com/transfer/latest/userguide/requirements-roles.html";
const DEPUTY = "https://docs.aws.amazon.com/transfer/latest/userguide/confused-deputy.html";
const LOGGING = "https://docs.aws.amazon.com/transfer/latest/userguide/configure-cw-logging-role.html";

/** Roles for Transfer Family servers whose users keep files below the external prefix. */
export const TRANSFER = defineService({
  name: "transfer",
  title: "AWS Transfer Family",
  gets: "a role for users of SFTP, FTPS and AS2 servers, who read and write below the external prefix, and a role for the servers' logs",
  road: ["role"],
  source: USER_ROLE,
  options: z.strictObject({
    delete: z
      .boolean()
      .default(true)
      .describe("Whether users may delete their files. Versions stay until the lifecycle removes them."),
  }),
  connect(site, options) {
    const prefix = `${site.externalPrefix}transfer/`;
    const home = `/${site.bucket}/${prefix}\${transfer:UserName}`;
    return {
      resources: {
        TransferRole: createUserRole(site, prefix, options.delete),
        TransferLoggingRole: createLoggingRole(site),
      },
      outputs: {
        TransferRoleArn: { description: "role of Transfer Family users", value: getAtt("TransferRole", "Arn") },
        TransferLoggingRoleArn: {
          description: "logging role of Transfer Family servers",
          value: getAtt("TransferLoggingRole", "Arn"),
        },
      },
      notes: [
        `Give each user a logical home directory with the one entry "/" → "${home}": the role opens all of ${prefix}, the mapping a user's own part of it.`,
        `If home directories are paths instead, give each user this session policy: ${createSessionPolicy(site, prefix, options.delete)}`,
        `Uploads arrive under ${prefix} and are no files of Sluice's until they are uploaded to it.`,
        `Leave the encryption of workflow steps at the bucket's own: a copy that asks for ${site.keyArn === undefined ? "KMS" : "another key"} is refused.`,
      ],
    };
  },
});

function createUserRole(site: Site, prefix: string, mayDelete: boolean): Resource {
  return createRole(site, {
    purpose: "transfer",
    why: `Users of Transfer Family servers read and write under ${prefix}, each narrowed to a home directory by the server.`,
    source: USER_ROLE,
    trusts: [
      trustService(site, "transfer", {
        why: "Transfer Family assumes the role for users, agreements and connectors of this account.",
        source: DEPUTY,
        sourceArn: site.arn("transfer", "*"),
      }),
    ],
    statements: [
      listObjects(site, prefix, { sid: "ListHomes", why: "Directories are listings of keys.", source: USER_ROLE }),
      {
        sid: "LocateTheBucket",
        why: "Transfer Family finds the bucket's region first.",
        source: USER_ROLE,
        actions: ["s3:GetBucketLocation"],
        resources: [site.bucketArn],
      },
      {
        sid: "UseHomes",
        why: mayDelete
          ? "Users download, upload and delete; a rename needs deletion as well."
          : "Users download and upload; they cannot delete or rename.",
        source: USER_ROLE,
        actions: ["s3:GetObject", "s3:PutObject", ...(mayDelete ? ["s3:DeleteObject"] : [])],
        resources: [site.objects(prefix)],
      },
    ],
  });
}

function createLoggingRole(site: Site): Resource {
  const logGroups = site.arn("logs", "log-group:/aws/transfer/*");
  return createRole(site, {
    purpose: "transfer-logging",
    why: "Servers and their workflows write their logs.",
    source: LOGGING,
    trusts: [
      trustService(site, "transfer", {
        why: "Transfer Family servers of this account assume the role.",
        source: DEPUTY,
        sourceArn: site.arn("transfer", "server/*"),
      }),
    ],
    statements: [
      {
        sid: "WriteLogs",
        why: "Servers write to the log groups of Transfer Family servers, whose names AWS makes up.",
        source: LOGGING,
        actions: ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        resources: [logGroups],
      },
    ],
  });
}

/**
 * The policy that narrows the role to a user's home directory; its variables are filled in by Transfer Family.
 * Source: https://docs.aws.amazon.com/transfer/latest/userguide/users-policies-session.html
 */
function createSessionPolicy(site: Site, prefix: string, mayDelete: boolean): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "ListHome",
        Effect: "Allow",
        Action: "s3:ListBucket",
        Resource: site.bucketArn,
        Condition: {
          StringLike: { "s3:prefix": [`${prefix}\${transfer:UserName}/*`, `${prefix}\${transfer:UserName}`] },
        },
      },
      {
        Sid: "UseHome",
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:PutObject", ...(mayDelete ? ["s3:DeleteObject"] : [])],
        Resource: `${site.bucketArn}/${prefix}\${transfer:UserName}/*`,
      },
      // The role's own policy names the key: this one only has to leave it in.
      ...(site.keyArn === undefined
        ? []
        : [
            {
              Sid: "UseTheKey",
              Effect: "Allow",
              Action: ["kms:Decrypt", "kms:GenerateDataKey"],
              Resource: "*",
              Condition: throughS3(site, site.bucketArn),
            },
          ]),
    ],
  });
}
