import { z } from "zod";
import { defineService } from "../aws-service.ts";
import { allowDelivery } from "../log-delivery.ts";

const CONFIGURE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/configure-inventory.html";

/** Prefix of the lists in the log bucket: `inventory/{bucket}/{id}/…`. */
export const INVENTORY_PREFIX = "inventory/";

/** Fields of a line beside bucket, key, version and its state. `ChecksumAlgorithm` names the algorithm of the file's checksum. */
const FIELDS = [
  ...["Size", "LastModifiedDate", "ETag", "ChecksumAlgorithm", "StorageClass", "IsMultipartUploaded"],
  ...["EncryptionStatus", "ReplicationStatus", "IntelligentTieringAccessTier"],
];

/** Lists of the files, delivered to the log bucket. */
export const INVENTORY = defineService({
  name: "inventory",
  title: "Amazon S3 Inventory",
  gets: "permission to deliver a list of all files and versions to the log bucket",
  road: ["bucket setting", "log bucket policy"],
  source: CONFIGURE,
  options: z.strictObject({
    frequency: z.enum(["Daily", "Weekly"]).default("Weekly").describe("How often a list is made."),
    format: z
      .enum(["CSV", "ORC", "Parquet"])
      .default("CSV")
      .describe("Format of the lists. Batch Operations reads manifests in CSV alone."),
    versions: z.enum(["All", "Current"]).default("All").describe("`Current` leaves out old versions."),
  }),
  connect(site, { frequency, format, versions }) {
    return {
      bucketProperties: {
        InventoryConfigurations: [
          {
            Id: "files",
            Enabled: true,
            Prefix: site.keyPrefix,
            IncludedObjectVersions: versions,
            ScheduleFrequency: frequency,
            OptionalFields: FIELDS,
            Destination: {
              BucketArn: site.logBucketArn,
              BucketAccountId: site.account,
              Format: format,
              // S3 adds the slash itself.
              Prefix: INVENTORY_PREFIX.slice(0, -1),
            },
          },
        ],
      },
      logBucketStatements: [
        allowDelivery(site, {
          sid: "AllowInventory",
          why: "S3 delivers the lists of this bucket.",
          source: CONFIGURE,
          service: "s3",
          prefix: INVENTORY_PREFIX,
          sourceArn: site.bucketArn,
        }),
      ],
      notes: [
        "The first list comes within 48 hours; lists are eventually consistent and prove nothing about one file.",
      ],
    };
  },
});
