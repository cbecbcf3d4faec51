import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import { type DurableState, toDurableState } from "../domain/uploads/durable-state.ts";
import type { ByteRange, Upload } from "../domain/uploads/upload.ts";
import type { WriterStart } from "../domain/uploads/upload-writers.ts";

/** Where a writer begins. */
export interface WriteStarted {
  upload: Upload;
  /** The lane, where the stream has one. */
  lane: ByteRange | undefined;
  /** Of the upload; `offset` and `crc32` are the lane's, where there is one. */
  durable: DurableState;
  chunkSizeMaxBytes: number;
  fileSizeMaxBytes: number;
  stallTimeoutMs: number;
}

/** What a writer is told first, from the upload as the database has it. */
export function toStarted(
  access: Pick<UploadAccess, "limits">,
  { upload, parts, range }: WriterStart,
  fileSizeMaxBytes: number,
): WriteStarted {
  const { chunkSizeMaxBytes, stallTimeoutMs } = access.limits;
  const { start, end } = range;
  const lane = end === undefined ? undefined : { offset: start, sizeBytes: end - start };
  const durable = toDurableState(upload, parts, range);
  return { upload, lane, durable, chunkSizeMaxBytes, fileSizeMaxBytes, stallTimeoutMs };
}
