import type { ByteRange, Upload } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { SluiceError } from "../sluice-error.ts";

/** Size of a file from which "auto" uses several lanes, in bytes: smaller uploads end before lanes pay off. */
export const LANES_FROM_BYTES = 256 * 2 ** 20;

/** Lanes that are chosen for such a file: enough for a few workers, and few enough to leave upload slots to others. */
export const LANES_AUTO = 4;

/** Most lanes of one upload; each holds a connection, and up to 5 MiB of the source. */
export const LANES_MAX = 16;

/** Number of lanes to send by, 1 to 16. "auto" means 4 for a source of 256 MiB or more, otherwise 1. */
export type Lanes = "auto" | number;

/** A range of the file that one stream writes, from `start` up to but without `end`. */
export interface LaneRange {
  start: number;
  end: number;
}

/**
 * Chooses the number of lanes. It is one when lanes are impossible: the size is unknown, or not every byte of the source can
 * be read at any time. "auto" also gives one when the SHA-256 is to be computed: with several lanes the service must read the
 * whole file back for it. Throws `invalid_argument / LANES_INVALID` for anything but "auto" and a whole number of 1 to 16.
 */
export function chooseLanes(
  lanes: Lanes,
  upload: { sizeBytes: number | undefined; isSeekable: boolean; computeSha256: boolean },
): number {
  if (lanes !== "auto" && !(Number.isInteger(lanes) && lanes >= 1 && lanes <= LANES_MAX)) {
    const message = `${lanes} is no number of lanes; give "auto" or 1 to ${LANES_MAX}`;
    throw new SluiceError("invalid_argument", message, { reason: "LANES_INVALID" });
  }
  if (!upload.isSeekable || upload.sizeBytes === undefined) return 1;
  if (lanes !== "auto") return lanes;
  return upload.sizeBytes >= LANES_FROM_BYTES && !upload.computeSha256 ? LANES_AUTO : 1;
}

/**
 * Divides the missing bytes of an upload among `lanesMax` lanes: whole parts, as equal as parts allow. The ranges cover the file
 * in order, without gap or overlap. A durable range belongs to the lane that begins with it: it is compared with the source and
 * not sent. So there may be more ranges than lanes, to be written one after another. The plan is empty when nothing is missing.
 */
export function planLanes(
  upload: Pick<Upload, "sizeBytes" | "partSizeBytes" | "durableRanges">,
  lanesMax: number,
): LaneRange[] {
  const sizeBytes = Number(upload.sizeBytes ?? 0n);
  const partSizeBytes = Number(upload.partSizeBytes);
  const gaps = findGaps(upload.durableRanges, sizeBytes);
  const missingParts = gaps.reduce((sum, { start, end }) => sum + Math.ceil((end - start) / partSizeBytes), 0);
  const laneBytes = Math.ceil(missingParts / lanesMax) * partSizeBytes;
  const lanes: LaneRange[] = [];
  let start = 0;
  for (const gap of gaps) {
    for (let from = gap.start; from < gap.end; from += laneBytes) {
      const end = Math.min(from + laneBytes, gap.end);
      lanes.push({ start, end });
      start = end;
    }
  }
  if (lanes.length > 0 && start < sizeBytes) lanes.push({ start, end: sizeBytes });
  return lanes;
}

/** Bytes of the ranges that are within the lane. */
export function countBytesIn(lane: LaneRange, ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { offset, sizeBytes }) => {
    const [start, end] = [Number(offset), Number(offset + sizeBytes)];
    return sum + Math.max(0, Math.min(end, lane.end) - Math.max(start, lane.start));
  }, 0);
}

function findGaps(ranges: readonly ByteRange[], sizeBytes: number): LaneRange[] {
  const gaps: LaneRange[] = [];
  let at = 0;
  for (const { offset, sizeBytes: rangeBytes } of ranges) {
    if (Number(offset) > at) gaps.push({ start: at, end: Number(offset) });
    at = Number(offset + rangeBytes);
  }
  if (at < sizeBytes) gaps.push({ start: at, end: sizeBytes });
  return gaps;
}
