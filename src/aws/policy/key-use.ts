import type { Site } from "../template/site.ts";
import type { Conditions, Statement } from "./policy.ts";

const SSE_KMS = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html";
const READS = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionForReplication"];
const WRITES = ["s3:PutObject"];

/**
 * The right to the key of files that follows from what the statements allow on the files: whoever reads decrypts, and whoever
 * writes makes data keys, and decrypts them when a part follows. None under SSE-S3, and for who does neither. `more` are
 * actions on the key itself that a service's document asks for beside these.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
export function createKeyUse(site: Site, statements: readonly Statement[], more: readonly string[] = []): Statement[] {
  const { keyArn } = site;
  const actions = statements.flatMap((statement) =>
    statement.effect !== "Deny" && isAboutFiles(site, statement) ? statement.actions : [],
  );
  const isWriter = WRITES.some((action) => actions.includes(action));
  if (keyArn === undefined || !(isWriter || READS.some((action) => actions.includes(action)))) return [];
  return [
    {
      sid: "UseTheKey",
      why: `Files are encrypted by a KMS key. The role uses it through S3 alone, for this bucket${isWriter ? "; uploads in parts also decrypt" : ""}.`,
      source: SSE_KMS,
      actions: ["kms:Decrypt", ...(isWriter ? ["kms:GenerateDataKey"] : [])],
      resources: [keyArn],
      conditions: throughS3(site, site.bucketArn),
    },
    ...(more.length === 0
      ? []
      : [
          {
            sid: "SeeTheKey",
            why: "The service asks about the key, through S3.",
            source: SSE_KMS,
            actions: more,
            resources: [keyArn],
            conditions: { StringEquals: throughS3(site, site.bucketArn).StringEquals ?? {} },
          },
        ]),
  ];
}

/**
 * The conditions that the key is used by S3, for one bucket. With a bucket key S3 names the bucket, and without one the
 * object.
 */
export function throughS3(site: Site, bucketArn: string, region = site.region): Conditions {
  return {
    StringEquals: { "kms:ViaService": `s3.${region}.${site.dnsSuffix}` },
    StringLike: { "kms:EncryptionContext:aws:s3:arn": [bucketArn, `${bucketArn}/*`] },
  };
}

/** The key of files in a sentence: its ARN, or where that is found after the deployment. */
export function nameKey({ keyArn }: Site): string {
  return typeof keyArn === "string" ? keyArn : "the key of the output DataKeyArn";
}

function isAboutFiles(site: Site, { resources = [] }: Statement): boolean {
  return resources.some((arn) => typeof arn === "string" && arn.startsWith(`${site.bucketArn}/`));
}
