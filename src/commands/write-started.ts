import { type DurableState, toDurableState } from "../domain/durable-state.ts";
import type { Upload } from "../domain/upload.ts";
import type { WriterStart } from "../domain/upload-repository.ts";
import type { UploadAccess } from "./upload-access.ts";

/** Where a writer begins. */
export interface WriteStarted {
  upload: Upload;
  durable: DurableState;
  chunkSizeMaxBytes: number;
  fileSizeMaxBytes: number;
  stallTimeoutMs: number;
}

/** What a writer is told first, from the upload as the database has it. */
export function toStarted(
  access: UploadAccess,
  { upload, parts }: WriterStart,
  fileSizeMaxBytes: number,
): WriteStarted {
  const { chunkSizeMaxBytes, stallTimeoutMs } = access.limits;
  return { upload, durable: toDurableState(upload, parts), chunkSizeMaxBytes, fileSizeMaxBytes, stallTimeoutMs };
}
