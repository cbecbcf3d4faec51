import { z } from "zod";
import { nameKey } from "../../policy/key-use.ts";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const ACCESS = "https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html";
const DEPUTY = "https://docs.aws.amazon.com/redshift/latest/mgmt/cross-service-confused-deputy-prevention.html";

/** A role for COPY and UNLOAD. */
export const REDSHIFT = defineService({
  name: "redshift",
  title: "Amazon Redshift",
  gets: "a role for COPY from the external prefix and UNLOAD below it, for clusters and Redshift Serverless",
  road: ["role"],
  source: ACCESS,
  options: z.strictObject({
    cluster: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,62}$/, "a cluster's identifier has small letters, digits and hyphens")
      .optional()
      .meta({
        description: "Cluster that may use the role; every cluster of the account and region when left out.",
        examples: ["warehouse"],
      }),
    workgroup: z
      .string()
      .regex(/^[a-z0-9-]{3,64}$/, "a workgroup's id has small letters, digits and hyphens")
      .optional()
      .meta({
        description:
          "Workgroup of Redshift Serverless that may use the role; every one when left out. This is its id, not its name.",
        examples: ["12345678-abcd"],
      }),
  }),
  connect(site, { cluster = "*", workgroup = "*" }) {
    const prefix = `${site.externalPrefix}redshift/`;
    return {
      resources: {
        RedshiftRole: createRole(site, {
          purpose: "redshift",
          why: `COPY reads under ${site.externalPrefix}, UNLOAD writes under ${prefix}.`,
          source: ACCESS,
          trusts: [
            trustService(site, "redshift", {
              sid: "AssumedByClusters",
              why: "Clusters of this account assume the role when it is attached to them.",
              source: DEPUTY,
              sourceArn: site.arn("redshift", `cluster:${cluster}`),
            }),
            trustService(site, "redshift-serverless", {
              sid: "AssumedByServerless",
              why: "Workgroups of Redshift Serverless of this account assume the role when it is attached to their namespace.",
              source: DEPUTY,
              sourceArn: site.arn("redshift-serverless", `workgroup/${workgroup}`),
            }),
          ],
          statements: [
            readObjects(site, site.externalPrefix, {
              sid: "ReadData",
              why: "COPY reads the data of other writers, and manifests; UNLOAD reads back its own data.",
              source: ACCESS,
            }),
            listObjects(site, site.externalPrefix, {
              sid: "ListData",
              why: "COPY takes a prefix and lists it; UNLOAD checks whether its target is empty.",
              source: ACCESS,
            }),
            {
              sid: "SeeTheBucket",
              why: "Redshift asks for the bucket's region.",
              source: ACCESS,
              actions: ["s3:GetBucketLocation"],
              resources: [site.bucketArn],
            },
            {
              sid: "Unload",
              why: "UNLOAD writes in parts and aborts those that fail. It may not delete: UNLOAD with CLEANUPPATH is refused.",
              source: "https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html",
              actions: ["s3:PutObject", "s3:AbortMultipartUpload"],
              resources: [site.objects(prefix)],
            },
          ],
        }),
      },
      outputs: { RedshiftRoleArn: { description: "role for COPY and UNLOAD", value: getAtt("RedshiftRole", "Arn") } },
      notes: [
        "Attach the role to the cluster or namespace; COPY and UNLOAD name it by IAM_ROLE.",
        site.keyArn === undefined
          ? "UNLOAD writes under SSE-S3 unless told otherwise: leave KMS_KEY_ID and ENCRYPTED out, the bucket refuses KMS."
          : `UNLOAD writes under SSE-S3 unless told otherwise, which the bucket refuses: give it KMS_KEY_ID with ${nameKey(site)}, and ENCRYPTED.`,
      ],
    };
  },
});
