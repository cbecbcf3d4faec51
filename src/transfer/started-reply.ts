import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import { type DurableState, toDurableState } from "../domain/uploads/durable-state.ts";
import type { ByteRange, Upload } from "../domain/uploads/upload.ts";
import type { GrantedWriter } from "../domain/uploads/upload-writers.ts";

/** What a caller is told first: where its writer begins, and its limits. */
export interface StartedReply {
  upload: Upload;
  /** The lane, where the stream has one. */
  lane: ByteRange | undefined;
  /** Of the upload; `offset` and `crc32` are the lane's, where there is one. */
  durable: DurableState;
  chunkSizeMaxBytes: number;
  fileSizeMaxBytes: number;
  stallTimeoutMs: number;
}

/** Makes the reply of what the database has granted. */
export function toStartedReply(
  access: Pick<UploadAccess, "limits">,
  { upload, parts, range }: GrantedWriter,
  fileSizeMaxBytes: number,
): StartedReply {
  const { chunkSizeMaxBytes, stallTimeoutMs } = access.limits;
  const { start, end } = range;
  const lane = end === undefined ? undefined : { offset: start, sizeBytes: end - start };
  const durable = toDurableState(upload, parts, range);
  return { upload, lane, durable, chunkSizeMaxBytes, fileSizeMaxBytes, stallTimeoutMs };
}
