import type { Upload } from "../../domain/uploads/upload.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * A key of the upload that nothing was written to before, and that its row owns from here on: whatever lands there is
 * deleted with the upload, or after its commit, unless it became the file.
 */
export async function beginPutAttempt(
  access: UploadAccess<"writers">,
  writer: { upload: Upload; epoch: number },
): Promise<string> {
  const { upload, epoch } = writer;
  const step = () => access.uploads.writers.beginPutAttempt(upload.uploadId, epoch);
  return `${upload.s3Key}.${await withDatabase(access, step)}`;
}
