import { partNumberAt } from "./part-plan.ts";
import {
  type ByteRange,
  combineParts,
  type DurablePart,
  durablePrefix,
  toDurableRanges,
  totalBytes,
  type Upload,
} from "./upload.ts";
import { partsWithin, WHOLE_FILE, type WriterRange } from "./writer-range.ts";

/** The durable bytes of an upload. Sizes and offsets in bytes. */
export interface DurableState {
  /** All durable ranges, whatever range was asked about. */
  ranges: ByteRange[];
  /** Sum of the ranges. */
  sizeBytes: number;
  /** End of the durable bytes that begin at the range's start, or that start where there are none; the writer goes on here. */
  offset: number;
  /** CRC32 of the bytes from the range's start to `offset`. */
  crc32: number;
}

/**
 * What is durable: all of an assembled object (a one-part file has no part rows), the parts of an unfinished one, and
 * nothing of an upload that was given up or expired, whose bytes are being deleted. `range` is the range of the writer who
 * asks; the whole file when left out.
 */
export function toDurableState(
  upload: Upload,
  parts: readonly DurablePart[],
  range: WriterRange = WHOLE_FILE,
): DurableState {
  const { start, end } = range;
  if (upload.state === "aborted" || upload.state === "expired") {
    return { ranges: [], sizeBytes: 0, offset: start, crc32: 0 };
  }
  const within = partsWithin(parts, range, upload.partSizeBytes);
  if (upload.object !== undefined) {
    const { sizeBytes, crc32 } = upload.object;
    const isWhole = start === 0 && (end ?? sizeBytes) === sizeBytes;
    const ranges = sizeBytes === 0 ? [] : [{ offset: 0, sizeBytes }];
    return { ranges, sizeBytes, offset: end ?? sizeBytes, crc32: isWhole ? crc32 : combineParts(within) };
  }
  const prefix = durablePrefix(within, partNumberAt(start, upload.partSizeBytes));
  return {
    ranges: toDurableRanges(upload, parts),
    sizeBytes: totalBytes(parts),
    offset: start + totalBytes(prefix),
    crc32: combineParts(prefix),
  };
}
