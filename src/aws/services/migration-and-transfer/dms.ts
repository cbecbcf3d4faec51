import { z } from "zod";
import { createRole, listObjects, trustService } from "../../policy/role.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const TARGET = "https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.S3.html";
const DEPUTY = "https://docs.aws.amazon.com/dms/latest/userguide/cross-service-confused-deputy-prevention.html";

/** A role for target endpoints: tables of a database come in as files. */
export const DMS = defineService({
  name: "dms",
  title: "AWS Database Migration Service",
  gets: "a role for target endpoints, which write tables and changes of a database below the external prefix",
  road: ["role"],
  source: TARGET,
  options: z.strictObject({}),
  connect(site) {
    const prefix = `${site.externalPrefix}dms/`;
    return {
      resources: {
        DmsRole: createRole(site, {
          purpose: "dms",
          why: `Replication tasks write under ${prefix}, and read nothing of the bucket.`,
          source: TARGET,
          trusts: [
            trustService(site, "dms", {
              why: "Endpoints of this account and region assume the role.",
              source: DEPUTY,
              sourceArn: site.arn("dms", "*"),
            }),
          ],
          statements: [
            {
              sid: "WriteTables",
              why: "A task writes tables and changes, tags them, and removes what a full load replaces.",
              source: TARGET,
              actions: ["s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"],
              resources: [site.objects(prefix)],
            },
            listObjects(site, prefix, {
              sid: "ListTables",
              why: "A task looks for what it wrote before.",
              source: TARGET,
            }),
          ],
        }),
      },
      outputs: {
        DmsRoleArn: { description: "service access role of target endpoints", value: getAtt("DmsRole", "Arn") },
      },
      notes: [
        `Set the endpoint's BucketName to ${site.bucket} and its BucketFolder to ${prefix.slice(0, -1)}: writes elsewhere are refused.`,
        site.keyArn === undefined
          ? "Leave the endpoint's EncryptionMode at SSE_S3."
          : "Set the endpoint's EncryptionMode to SSE_KMS, with the bucket's key: its default, SSE_S3, is refused by the bucket.",
      ],
    };
  },
});
