import { z } from "zod";
import { createRole, listObjects, readObjects, trustService } from "../../policy/role.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const JOBS = "https://docs.aws.amazon.com/comprehend/latest/dg/security_iam_id-based-policy-examples.html";
const DEPUTY = "https://docs.aws.amazon.com/comprehend/latest/dg/cross-service-confused-deputy-prevention.html";

/** A role for jobs that find languages, entities and personal data in files. */
export const COMPREHEND = defineService({
  name: "comprehend",
  title: "Amazon Comprehend",
  gets: "a data access role for jobs, which read files and write results below the external prefix",
  road: ["role"],
  source: JOBS,
  partitions: ["aws", "aws-us-gov"],
  options: z.strictObject({}),
  connect(site) {
    const prefix = `${site.externalPrefix}comprehend/`;
    return {
      resources: {
        ComprehendRole: createRole(site, {
          purpose: "comprehend",
          why: `Jobs read files, and write their results under ${prefix}.`,
          source: JOBS,
          trusts: [
            trustService(site, "comprehend", {
              why: "Jobs of this account and region assume the role.",
              source: DEPUTY,
              sourceArn: site.arn("comprehend", "*"),
            }),
          ],
          statements: [
            readObjects(site, site.keyPrefix, { sid: "ReadFiles", why: "Files are the documents.", source: JOBS }),
            listObjects(site, site.keyPrefix, { sid: "ListFiles", why: "A job's input is a prefix.", source: JOBS }),
            {
              sid: "WriteResults",
              why: "A job writes one archive of its results.",
              source: JOBS,
              actions: ["s3:PutObject"],
              resources: [site.objects(prefix)],
            },
          ],
        }),
      },
      outputs: {
        ComprehendRoleArn: { description: "data access role of jobs", value: getAtt("ComprehendRole", "Arn") },
      },
      notes: [
        `Set a job's output to s3://${site.bucket}/${prefix}, and leave its own KMS key for outputs out unless it is the bucket's.`,
        "Comprehend reads text: what a job does with binary files is said by its InputDataConfig.",
      ],
    };
  },
});
