import { invalidArgument } from "../errors.ts";
import type { ByteRange, Upload } from "./upload.ts";

/**
 * The bytes of a file that one writer writes, from `start` up to but without `end`; an undefined `end` is the end of the
 * file.
 */
export interface WriterRange {
  start: number;
  end: number | undefined;
}

/** The range of a writer that names no lane. */
export const WHOLE_FILE: WriterRange = { start: 0, end: undefined };

/**
 * The range of a lane. Two lanes share no part, so one begins where a part begins and ends where one ends.
 * `invalid_argument / RANGE_INVALID` for a lane that does not, and for any lane of an upload of unknown size, whose last
 * part could be anywhere.
 */
export function toWriterRange(
  upload: Pick<Upload, "sizeBytes" | "partSizeBytes">,
  lane: ByteRange | undefined,
): WriterRange {
  if (lane === undefined) return WHOLE_FILE;
  const { sizeBytes, partSizeBytes } = upload;
  const [start, end] = [lane.offset, lane.offset + lane.sizeBytes];
  const refuse = (field: string, message: string, details: Record<string, number>) =>
    invalidArgument(`start.lane${field}`, message, { reason: "RANGE_INVALID", details });
  if (sizeBytes === undefined) {
    throw refuse("", "the upload has no declared size; declare it at creation, or write without a lane", {});
  }
  if (lane.sizeBytes < 1) {
    throw refuse(".size_bytes", `the lane has ${lane.sizeBytes} bytes; give 1 or more`, { size_bytes: lane.sizeBytes });
  }
  if (start < 0 || start % partSizeBytes !== 0) {
    const message = `the lane begins at byte ${start}; begin at a multiple of the part size, ${partSizeBytes}`;
    throw refuse(".offset", message, { offset: start, part_size_bytes: partSizeBytes });
  }
  if (end > sizeBytes) {
    const message = `the lane ends at byte ${end}; the upload declared ${sizeBytes} bytes`;
    throw refuse(".size_bytes", message, { end_offset: end, size_bytes: sizeBytes });
  }
  if (end % partSizeBytes !== 0 && end !== sizeBytes) {
    const message = `the lane ends at byte ${end}; end at a multiple of the part size, ${partSizeBytes}, or at ${sizeBytes}`;
    throw refuse(".size_bytes", message, { end_offset: end, part_size_bytes: partSizeBytes });
  }
  return { start, end };
}

/** Whether two writers would write the same bytes. */
export function intersects(one: WriterRange, other: WriterRange): boolean {
  const isBefore = (a: WriterRange, b: WriterRange) => a.end !== undefined && a.end <= b.start;
  return !isBefore(one, other) && !isBefore(other, one);
}

/** The parts that lie in a range; they never straddle its ends. */
export function partsWithin<Part extends { partNumber: number }>(
  parts: readonly Part[],
  { start, end }: WriterRange,
  partSizeBytes: number,
): Part[] {
  const first = start / partSizeBytes + 1;
  const last = end === undefined ? Number.POSITIVE_INFINITY : Math.ceil(end / partSizeBytes);
  return parts.filter(({ partNumber }) => partNumber >= first && partNumber <= last);
}
