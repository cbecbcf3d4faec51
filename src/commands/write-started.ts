import {
  type ByteRange,
  combineParts,
  durablePrefix,
  toDurableRanges,
  totalBytes,
  type Upload,
} from "../domain/upload.ts";
import type { WriterStart } from "../domain/upload-repository.ts";
import type { UploadAccess } from "./upload-access.ts";

/** Where a writer begins. */
export interface WriteStarted {
  upload: Upload;
  durableRanges: ByteRange[];
  durableOffset: number;
  /** CRC32 of the bytes from 0 to durableOffset. */
  durableCrc32: number;
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
  const common = { upload, chunkSizeMaxBytes, fileSizeMaxBytes, stallTimeoutMs };
  if (upload.object !== undefined) {
    const { sizeBytes, crc32 } = upload.object;
    const durableRanges = sizeBytes === 0 ? [] : [{ offset: 0, sizeBytes }];
    return { ...common, durableRanges, durableOffset: sizeBytes, durableCrc32: crc32 };
  }
  const prefix = durablePrefix(parts);
  return {
    ...common,
    durableRanges: toDurableRanges(upload, parts),
    durableOffset: totalBytes(prefix),
    durableCrc32: combineParts(prefix),
  };
}
