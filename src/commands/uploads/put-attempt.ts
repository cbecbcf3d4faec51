import type { Upload } from "../../domain/uploads/upload.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * A fresh key of the upload, which its row owns from here on: an object under this key is deleted with the upload, or after
 * its commit, unless the object became the file.
 */
export async function beginPutAttempt(
  access: UploadAccess<"writers">,
  writer: { upload: Upload; epoch: number },
): Promise<string> {
  const { upload, epoch } = writer;
  const step = () => access.uploads.writers.beginPutAttempt(upload.uploadId, epoch);
  return `${upload.s3Key}.${await withDatabase(access, step)}`;
}
