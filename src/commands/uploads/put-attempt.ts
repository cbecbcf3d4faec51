import type { GrantedWriter } from "../../domain/uploads/upload-writers.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * Makes fresh keys of a writer's upload, which its row owns from here on: an object under such a key is deleted with the upload, or after
 * its commit, unless the object became the file.
 */
export function createPutAttempts(
  access: UploadAccess<"writers">,
  { upload: { uploadId, s3Key }, epoch, countedAttempts = 0 }: GrantedWriter,
): () => Promise<string> {
  let counted = countedAttempts;
  const count = () => withDatabase(access, () => access.uploads.writers.beginPutAttempt(uploadId, epoch));
  return async () => `${s3Key}.${counted > 0 ? counted-- : await count()}`;
}
