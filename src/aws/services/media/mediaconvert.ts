import { z } from "zod";
import { createRole, readObjects, trustService } from "../../policy/role.ts";
import { getAtt } from "../../template/template.ts";
import { defineService } from "../aws-service.ts";

const ROLE = "https://docs.aws.amazon.com/mediaconvert/latest/ug/iam-role.html";
const DEPUTY = "https://docs.aws.amazon.com/mediaconvert/latest/ug/cross-service-confused-deputy-prevention.html";

/** A role for jobs that convert video. */
export const MEDIACONVERT = defineService({
  name: "mediaconvert",
  title: "AWS Elemental MediaConvert",
  gets: "a role for jobs, which read videos among the files and write converted ones below the external prefix",
  road: ["role"],
  source: ROLE,
  partitions: ["aws", "aws-us-gov"],
  options: z.strictObject({}),
  connect(site) {
    const prefix = `${site.externalPrefix}mediaconvert/`;
    return {
      resources: {
        MediaconvertRole: createRole(site, {
          purpose: "mediaconvert",
          why: `Jobs read files, and write outputs under ${prefix}. AWS's own role for MediaConvert would open every bucket.`,
          source: ROLE,
          trusts: [
            trustService(site, "mediaconvert", {
              why: "Jobs of this account and region assume the role.",
              source: DEPUTY,
              sourceArn: site.arn("mediaconvert", "*"),
            }),
          ],
          statements: [
            readObjects(site, site.keyPrefix, { sid: "ReadFiles", why: "Files are the inputs of jobs.", source: ROLE }),
            {
              sid: "WriteOutputs",
              why: "Jobs write outputs and their manifests, in parts.",
              source: ROLE,
              actions: ["s3:PutObject", "s3:AbortMultipartUpload"],
              resources: [site.objects(prefix)],
            },
          ],
        }),
      },
      outputs: { MediaconvertRoleArn: { description: "role of jobs", value: getAtt("MediaconvertRole", "Arn") } },
      notes: [
        `Set each output group's destination below s3://${site.bucket}/${prefix}, and leave the outputs' own encryption off: the bucket's applies.`,
        "Sluice's own keys have no endings: MediaConvert tells the format by the content.",
      ],
    };
  },
});
