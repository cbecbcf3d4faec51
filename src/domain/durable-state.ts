import {
  type ByteRange,
  combineParts,
  type DurablePart,
  durablePrefix,
  toDurableRanges,
  totalBytes,
  type Upload,
} from "./upload.ts";

/** What is durable of an upload. Sizes and offsets in bytes. */
export interface DurableState {
  ranges: ByteRange[];
  /** Sum of the ranges. */
  sizeBytes: number;
  /** End of the range that begins at 0; 0 when none does. Where a writer goes on. */
  offset: number;
  /** CRC32 of the bytes from 0 to `offset`. */
  crc32: number;
}

/**
 * What is durable: all of an assembled object (a one-part file has no part rows), the parts of an unfinished one, and
 * nothing of an upload that was given up or expired, whose bytes are being deleted.
 */
export function toDurableState(upload: Upload, parts: readonly DurablePart[]): DurableState {
  if (upload.state === "aborted" || upload.state === "expired")
    return { ranges: [], sizeBytes: 0, offset: 0, crc32: 0 };
  if (upload.object !== undefined) {
    const { sizeBytes, crc32 } = upload.object;
    return { ranges: sizeBytes === 0 ? [] : [{ offset: 0, sizeBytes }], sizeBytes, offset: sizeBytes, crc32 };
  }
  const prefix = durablePrefix(parts);
  return {
    ranges: toDurableRanges(upload, parts),
    sizeBytes: totalBytes(parts),
    offset: totalBytes(prefix),
    crc32: combineParts(prefix),
  };
}
