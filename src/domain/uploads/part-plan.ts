import { DomainError, invalidArgument } from "../errors.ts";

/** What S3 and the service allow for parts. */
export interface PartLimits {
  /** Part size for files of a declared, ordinary size, in bytes. */
  partSizeBytes: number;
  /** Part size for files of unknown size, in bytes. */
  partSizeUnknownBytes: number;
  /** Largest part whose bytes are kept until S3 has them, in bytes: what the memory budget can carry. */
  replayablePartMaxBytes: number;
  /** Largest part that may be chosen, in bytes; one that is not kept needs a declared size. */
  partSizeMaxBytes: number;
  /** Most parts of an upload; S3 allows 10,000. */
  partsMax: number;
}

const MIB = 2 ** 20;

/** Largest part that may come in one message, in bytes: it is held whole. */
export const UNARY_PART_MAX_BYTES = 16 * MIB;
/** Largest message that carries one, in bytes: JSON, which has four characters for three bytes, and the other fields. */
export const PART_MESSAGE_MAX_BYTES = Math.ceil(UNARY_PART_MAX_BYTES / 3) * 4 + 4096;

/**
 * The part size of an upload, fixed at its creation: the ordinary one, or as much larger, rounded *up* to a MiB, as the
 * size needs to fit the most parts (rounding down would need a part too many). `sizeHintBytes` counts where no size is
 * declared; parts are then never too large to be kept, because only a declared size says which part is the last, and how
 * long it is. `invalid_argument / SIZE_LIMIT` when even the largest part size does not suffice.
 */
export function choosePartSize(
  limits: PartLimits,
  size: { sizeBytes: number | undefined; sizeHintBytes: number | undefined },
): number {
  const isDeclared = size.sizeBytes !== undefined;
  const usual = isDeclared ? limits.partSizeBytes : limits.partSizeUnknownBytes;
  const expected = size.sizeBytes ?? size.sizeHintBytes ?? 0;
  const fits = usual * limits.partsMax >= expected;
  const partSizeBytes = fits ? usual : Math.ceil(expected / limits.partsMax / MIB) * MIB;
  const partSizeMaxBytes = isDeclared ? limits.partSizeMaxBytes : limits.replayablePartMaxBytes;
  if (partSizeBytes > partSizeMaxBytes) {
    const sizeMaxBytes = partSizeMaxBytes * limits.partsMax;
    const message = isDeclared
      ? `size is ${expected} bytes; the service takes at most ${sizeMaxBytes}`
      : `size_hint_bytes is ${expected}; without a declared size the service takes at most ${sizeMaxBytes} bytes: declare size_bytes`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_LIMIT",
      field: isDeclared ? "size_bytes" : "size_hint_bytes",
      details: { size_bytes: expected, size_bytes_max: sizeMaxBytes },
    });
  }
  return partSizeBytes;
}

/** The fields of an upload that decide its parts. */
type PlannedUpload = { sizeBytes: number | undefined; sizeMaxBytes?: number | undefined; partSizeBytes: number };

/** Whether the whole file is known to be one part, which needs no multipart upload. */
export function isOnePart({ sizeBytes, partSizeBytes }: PlannedUpload): boolean {
  return sizeBytes !== undefined && sizeBytes <= partSizeBytes;
}

/**
 * Length of a part in bytes: a whole part where no size says that it is the last one. Zero or less: the part lies beyond
 * the file.
 */
export function partLengthOf({ sizeBytes, partSizeBytes }: PlannedUpload, partNumber: number): number {
  if (sizeBytes === undefined) return partSizeBytes;
  return Math.min(partSizeBytes, sizeBytes - (partNumber - 1) * partSizeBytes);
}

/**
 * Whether the bytes of a part are sent without being kept: the part is too large, and one of several whose size is
 * declared. So its length is known: the part is neither held back until the length is known, nor ever sent again with
 * another length.
 */
export function isOneShotPart(
  upload: PlannedUpload,
  partNumber: number,
  { replayablePartMaxBytes }: Pick<PartLimits, "replayablePartMaxBytes">,
): boolean {
  const { sizeBytes, partSizeBytes } = upload;
  if (sizeBytes === undefined || sizeBytes <= partSizeBytes) return false;
  return partLengthOf(upload, partNumber) > replayablePartMaxBytes;
}

/**
 * Refuses bytes that are not a whole part of the upload: `invalid_argument / RANGE_INVALID` beyond its last part,
 * `SIZE_MISMATCH` for another length than the part has. Only the last part may be short, and which one that is shows
 * in the declared size alone: without one every part is whole. `lengthField` names the field that gave the length.
 */
export function assertPartFits(
  upload: PlannedUpload,
  part: { partNumber: number; lengthBytes: number },
  lengthField = "data",
): void {
  const { sizeBytes, partSizeBytes } = upload;
  const { partNumber, lengthBytes } = part;
  const expected = partLengthOf(upload, partNumber);
  if (expected <= 0) {
    const parts = Math.ceil((sizeBytes as number) / partSizeBytes);
    throw new DomainError("invalid_argument", `part ${partNumber} is beyond the file, which has ${parts} parts`, {
      reason: "RANGE_INVALID",
      field: "part_number",
      details: { part_number: partNumber, parts },
    });
  }
  if (lengthBytes === expected) return;
  const why = sizeBytes === undefined ? ": the upload has no declared size, so that every part is whole" : "";
  throw new DomainError("invalid_argument", `part ${partNumber} has ${expected} bytes, not ${lengthBytes}${why}`, {
    reason: "SIZE_MISMATCH",
    field: lengthField,
    details: { part_number: partNumber, part_bytes: expected, data_bytes: lengthBytes },
  });
}

/**
 * Refuses bytes that came in one message and are not a whole part of the upload, as `assertPartFits`; before that,
 * `invalid_argument / SIZE_LIMIT` for a part that no message can carry, and for one that ends beyond the most bytes that the
 * upload takes.
 */
export function assertUnaryPart(upload: PlannedUpload, part: { partNumber: number; lengthBytes: number }): void {
  const partBytes = partLengthOf(upload, part.partNumber);
  if (partBytes <= UNARY_PART_MAX_BYTES) {
    assertPartFits(upload, part);
    assertWithinMax(upload, part);
    return;
  }
  const message = `part ${part.partNumber} has ${partBytes} bytes, and one call takes at most ${UNARY_PART_MAX_BYTES}; send it by WriteUpload, or to a URL of SignParts`;
  throw new DomainError("invalid_argument", message, {
    reason: "SIZE_LIMIT",
    field: "part_number",
    details: { part_number: part.partNumber, part_bytes: partBytes, part_bytes_max: UNARY_PART_MAX_BYTES },
  });
}

/** This is never true of an upload of declared size, which was checked at its creation. */
function assertWithinMax(
  { partSizeBytes, sizeMaxBytes }: PlannedUpload,
  { partNumber, lengthBytes }: { partNumber: number; lengthBytes: number },
): void {
  const end = (partNumber - 1) * partSizeBytes + lengthBytes;
  if (sizeMaxBytes === undefined || end <= sizeMaxBytes) return;
  const message = `part ${partNumber} ends at byte ${end}; this upload takes at most ${sizeMaxBytes} bytes: declare size_bytes at its creation to send a shorter part`;
  throw new DomainError("invalid_argument", message, {
    reason: "SIZE_LIMIT",
    field: "data",
    details: { end_offset: end, size_bytes_max: sizeMaxBytes },
  });
}

/**
 * Refuses parts that no URL can be signed for: `invalid_argument / RANGE_INVALID` of an upload without a declared size, of
 * which nobody could tell the last part, and what `assertPartFits` refuses.
 */
export function assertSignable(
  upload: PlannedUpload,
  parts: readonly { partNumber: number; lengthBytes: number }[],
): void {
  if (upload.sizeBytes === undefined) {
    const message = "the upload has no declared size; declare it at creation, or send the bytes through the service";
    throw invalidArgument("upload_id", message, { reason: "RANGE_INVALID" });
  }
  for (const part of parts) assertPartFits(upload, part, "parts.size_bytes");
}

/** Number, from 1, of the part that holds the byte at `offset`. */
export function partNumberAt(offset: number, partSizeBytes: number): number {
  return Math.floor(offset / partSizeBytes) + 1;
}
