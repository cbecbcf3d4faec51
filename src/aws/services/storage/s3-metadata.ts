import { z } from "zod";
import { defineService } from "../aws-service.ts";

const TABLES = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/metadata-tables-overview.html";
/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_RecordExpiration.html */
const JOURNAL_DAYS_MIN = 7;

/** Tables of the bucket's objects and of what happens to them, which SQL can ask. */
export const S3_METADATA = defineService({
  name: "s3-metadata",
  title: "Amazon S3 Metadata",
  gets: "a journal of every change of an object and, if asked for, a live inventory, as Iceberg tables in the account's table bucket of S3",
  road: ["bucket setting"],
  source: TABLES,
  partitions: ["aws"],
  options: z.strictObject({
    journalDays: z
      .int()
      .min(JOURNAL_DAYS_MIN)
      .max(36_500)
      .default(365)
      .describe("Days until a record of the journal is removed."),
    inventory: z
      .boolean()
      .default(true)
      .describe(
        "Whether S3 also keeps a table of all objects and versions, which it charges for once when it is filled.",
      ),
  }),
  connect(site, { journalDays, inventory }) {
    return {
      bucketProperties: {
        MetadataConfiguration: {
          JournalTableConfiguration: { RecordExpiration: { Expiration: "ENABLED", Days: journalDays } },
          InventoryTableConfiguration: { ConfigurationState: inventory ? "ENABLED" : "DISABLED" },
        },
      },
      notes: [
        `The tables are journal${inventory ? " and inventory" : ""} in the namespace b_${site.bucket} of the table bucket aws-s3, which S3 makes and owns. They name keys, sizes, tags and requesters, and hold no bytes; an erased file stays in the journal for ${journalDays} days.`,
        "Whoever deploys needs s3:CreateBucketMetadataTableConfiguration on the bucket and, on the table bucket, s3tables:CreateTableBucket, CreateNamespace, CreateTable, GetTable, PutTablePolicy and PutTableEncryption. Whoever asks by Athena needs the table bucket's integration with Lake Formation.",
        "Not every region has S3 Metadata: where it is missing, the deployment is refused.",
        ...(site.keyArn === undefined
          ? []
          : [
              "The tables stay with SSE-S3: a key would have to let metadata.s3.amazonaws.com and maintenance.s3tables.amazonaws.com in.",
            ]),
      ],
    };
  },
});
