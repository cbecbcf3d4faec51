import { z } from "zod";
import { tagsOf } from "../../policy/role.ts";
import { FreeForm } from "../../template/value.ts";
import { defineService } from "../aws-service.ts";
import { allowDelivery } from "../log-delivery.ts";

const LENS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage_lens_view_metrics_export.html";
const LENS_POLICY = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html";
const PREFIX = "storage-lens/";

/** A Storage Lens dashboard of this bucket, exported to the log bucket. */
export const STORAGE_LENS = defineService({
  name: "storage-lens",
  title: "Amazon S3 Storage Lens",
  gets: "a dashboard of this bucket alone, and permission to export its metrics to the log bucket",
  road: ["log bucket policy"],
  source: LENS,
  options: z.strictObject({
    advanced: z.boolean().default(false).describe("Activity, cost and status metrics, which AWS charges for."),
    format: z.enum(["CSV", "Parquet"]).default("CSV").describe("Format of the daily export."),
  }),
  connect(site, { advanced, format }) {
    const id = site.nameOf("lens");
    const enabled = { IsEnabled: true };
    const metrics = advanced
      ? {
          ActivityMetrics: enabled,
          AdvancedCostOptimizationMetrics: enabled,
          AdvancedDataProtectionMetrics: enabled,
          DetailedStatusCodesMetrics: enabled,
        }
      : {};
    return {
      resources: {
        StorageLens: {
          type: "AWS::S3::StorageLens",
          why: "Exports the usage of this bucket, and of no other of the account, once a day.",
          source: LENS,
          properties: {
            StorageLensConfiguration: {
              Id: id,
              IsEnabled: true,
              AccountLevel: { ...metrics, BucketLevel: metrics },
              Include: { Buckets: [site.bucketArn] },
              DataExport: {
                S3BucketDestination: {
                  AccountId: site.account,
                  Arn: site.logBucketArn,
                  Format: format,
                  OutputSchemaVersion: "V_1",
                  // S3 adds the slash itself.
                  Prefix: PREFIX.slice(0, -1),
                  Encryption: { SSES3: new FreeForm("json", {}) },
                },
              },
            },
            ...tagsOf(site),
          },
          dependsOn: ["LogBucketPolicy", "DataBucket"],
        },
      },
      logBucketStatements: [
        allowDelivery(site, {
          sid: "AllowStorageLens",
          why: "Storage Lens exports the metrics of the dashboard of this template.",
          source: LENS_POLICY,
          service: "storage-lens.s3",
          prefix: `${PREFIX}StorageLens/${site.account}/`,
          sourceArn: site.arn("s3", `storage-lens/${id}`),
        }),
      ],
    };
  },
});
