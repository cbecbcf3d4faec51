import { z } from "zod";
import { defineService } from "../aws-service.ts";
import { createRole, trustService } from "../role.ts";

const ACCESS = "https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html";

/** A role for Firehose streams that deliver into the bucket. */
export const FIREHOSE = defineService({
  name: "firehose",
  title: "Amazon Data Firehose",
  gets: "a role for delivery streams, which write below the external prefix",
  road: ["role"],
  source: ACCESS,
  options: z.strictObject({}),
  connect(site) {
    const prefix = `${site.externalPrefix}firehose/`;
    return {
      resources: {
        FirehoseRole: createRole(site, {
          purpose: "firehose",
          why: `Delivery streams write records under ${prefix}.`,
          source: ACCESS,
          trusts: [
            trustService(site, "firehose", {
              why: "Delivery streams of this account.",
              source: ACCESS,
              sourceArn: site.arn("firehose", "deliverystream/*"),
            }),
          ],
          statements: [
            {
              sid: "DeliverRecords",
              why: "Firehose writes objects in parts, and gives up what it could not finish.",
              source: ACCESS,
              effect: "Allow",
              actions: ["s3:PutObject", "s3:AbortMultipartUpload"],
              resources: [site.objects(prefix)],
            },
            {
              sid: "SeeTheBucket",
              why: "Firehose checks the bucket before it delivers.",
              source: ACCESS,
              effect: "Allow",
              actions: ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
              resources: [site.bucketArn],
            },
          ],
        }),
      },
    };
  },
});
