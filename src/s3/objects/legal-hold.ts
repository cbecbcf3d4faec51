import { PutObjectLegalHoldCommand } from "@aws-sdk/client-s3";
import { request, type S3Access } from "../access.ts";
import { toS3Answer, toS3Failure } from "../errors.ts";

/**
 * Implements ObjectStore.setLegalHold. S3 answers `InvalidRequest` for a bucket without Object Lock, and so do MinIO, versitygw
 * and moto: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html
 */
export async function setLegalHold(
  access: S3Access,
  bucket: string,
  { key, versionId, isHeld }: { key: string; versionId?: string | undefined; isHeld: boolean },
): Promise<boolean> {
  const command = new PutObjectLegalHoldCommand({
    Bucket: bucket,
    Key: key,
    VersionId: versionId || undefined,
    LegalHold: { Status: isHeld ? "ON" : "OFF" },
  });
  const send = async () => {
    try {
      await access.client.send(command);
      return true;
    } catch (error) {
      if (toS3Answer(error)?.code === "InvalidRequest" || toS3Failure(error) === "unable") return false;
      throw error;
    }
  };
  return await request(access, { operation: "control", what: "setting a legal hold", send });
}
