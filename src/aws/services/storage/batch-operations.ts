import { z } from "zod";
import { nameKey } from "../../policy/key-use.ts";
import type { Statement } from "../../policy/policy.ts";
import { createRole, trustService } from "../../policy/role.ts";
import type { Site } from "../../template/site.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";
import { INVENTORY_PREFIX } from "./inventory.ts";

const BATCH = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-iam-role-policies.html";
const REPORT_PREFIX = "batch-reports/";

/** A role for jobs over many files. */
export const BATCH_OPERATIONS = defineService({
  name: "batch-operations",
  title: "Amazon S3 Batch Operations",
  gets: "a role for jobs over lists of files: it may set tags by default, and restore and copy if asked for; it may never delete",
  road: ["role"],
  source: BATCH,
  options: z.strictObject({
    operations: z
      .array(z.enum(["tag", "restore", "copy"]))
      .min(1)
      .default(["tag"])
      .meta({
        description:
          "Actions that jobs may do: set tags, restore archived files, copy files below the external prefix.",
        examples: [["tag", "restore"]],
      }),
  }),
  connect(site, { operations }) {
    return {
      resources: {
        BatchOperationsRole: createRole(site, {
          purpose: "batch-operations",
          why: `Jobs read their lists below ${INVENTORY_PREFIX} of the log bucket and report below ${REPORT_PREFIX}.`,
          source: BATCH,
          trusts: [
            trustService(site, "batchoperations.s3", {
              why: "Jobs of this account.",
              source: BATCH,
              isUndocumented: true,
            }),
          ],
          statements: [
            ...createJobStatements(site),
            ...(operations.includes("tag") ? [createTagStatement(site)] : []),
            ...(operations.includes("restore") ? [createRestoreStatement(site)] : []),
            ...(operations.includes("copy") ? createCopyStatements(site) : []),
          ],
        }),
      },
      outputs: {
        BatchOperationsRoleArn: {
          description: "role for S3 Batch Operations",
          value: getAtt("BatchOperationsRole", "Arn"),
        },
      },
      notes: [
        `Give a job an inventory's manifest.json, or a CSV list of your own put below ${INVENTORY_PREFIX} of the log bucket. Whoever creates the job needs s3:CreateJob and iam:PassRole for the role.`,
        ...(operations.includes("tag")
          ? [
              "A job that replaces all tags also takes off GuardDuty's: behind its gate such a file can no longer be read. Only GuardDuty may set its own value of that tag.",
            ]
          : []),
        ...(operations.includes("copy")
          ? [
              site.keyArn === undefined
                ? "A copy job must leave encryption to the bucket or ask for SSE-S3: the bucket refuses KMS."
                : `A copy job must leave encryption to the bucket or name ${nameKey(site)}.`,
            ]
          : []),
      ],
    };
  },
});

/** Statements that every job needs, whatever it does. */
function createJobStatements(site: Site): Statement[] {
  return [
    {
      sid: "ReadManifests",
      why: "A job reads the list of files that it works through.",
      source: BATCH,
      actions: ["s3:GetObject", "s3:GetObjectVersion"],
      resources: [site.logObjects(INVENTORY_PREFIX)],
    },
    {
      sid: "WriteReports",
      why: "A job reports what happened to each file.",
      source: BATCH,
      actions: ["s3:PutObject"],
      resources: [site.logObjects(REPORT_PREFIX)],
    },
  ];
}

function createTagStatement(site: Site): Statement {
  return {
    sid: "TagFiles",
    why: "Tags change neither a file's bytes nor its version.",
    source: BATCH,
    actions: [
      ...["s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
      ...["s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
    ],
    resources: [site.objects(site.keyPrefix)],
  };
}

function createRestoreStatement(site: Site): Statement {
  return {
    sid: "RestoreFiles",
    why: "Makes archived files readable again for a while.",
    source: BATCH,
    actions: ["s3:RestoreObject"],
    resources: [site.objects(site.keyPrefix)],
  };
}

/** Copies are outside of Sluice's own keys, which only Sluice writes. */
function createCopyStatements(site: Site): Statement[] {
  return [
    {
      sid: "ReadFiles",
      why: "Copies read the files with their tags.",
      source: BATCH,
      actions: [...["s3:GetObject", "s3:GetObjectVersion"], ...["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]],
      resources: [site.objects(site.keyPrefix)],
    },
    {
      sid: "WriteCopies",
      why: "Copies go below the external prefix.",
      source: BATCH,
      actions: ["s3:PutObject", "s3:PutObjectTagging"],
      resources: [site.objects(`${site.externalPrefix}batch-operations/`)],
    },
  ];
}
