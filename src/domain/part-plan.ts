import { DomainError } from "./errors.ts";

/** What S3 and the service allow for parts. */
export interface PartLimits {
  /** Part size for files of a declared, ordinary size, in bytes. */
  partSizeBytes: number;
  /** Part size for files of unknown size, in bytes. */
  partSizeUnknownBytes: number;
  /** Largest part that may be chosen, in bytes: what the memory budget can carry. */
  partSizeMaxBytes: number;
  /** Most parts of an upload; S3 allows 10,000. */
  partsMax: number;
}

const MIB = 2 ** 20;

/**
 * The part size of an upload, fixed at its creation: the ordinary one, or as much larger, rounded *up* to a MiB, as the
 * size needs to fit the most parts (rounding down would need a part too many). `sizeHintBytes` counts where no size is
 * declared. `invalid_argument / SIZE_LIMIT` when even the largest part size does not suffice.
 */
export function choosePartSize(
  limits: PartLimits,
  size: { sizeBytes: number | undefined; sizeHintBytes: number | undefined },
): number {
  const usual = size.sizeBytes === undefined ? limits.partSizeUnknownBytes : limits.partSizeBytes;
  const expected = size.sizeBytes ?? size.sizeHintBytes ?? 0;
  const fits = usual * limits.partsMax >= expected;
  const partSizeBytes = fits ? usual : Math.ceil(expected / limits.partsMax / MIB) * MIB;
  if (partSizeBytes > limits.partSizeMaxBytes) {
    const sizeMaxBytes = limits.partSizeMaxBytes * limits.partsMax;
    throw new DomainError("invalid_argument", `size is ${expected} bytes; the service takes at most ${sizeMaxBytes}`, {
      reason: "SIZE_LIMIT",
      field: size.sizeBytes === undefined ? "size_hint_bytes" : "size_bytes",
      details: { size_bytes: expected, size_bytes_max: sizeMaxBytes },
    });
  }
  return partSizeBytes;
}

/** Number, from 1, of the part that holds the byte at `offset`. */
export function partNumberAt(offset: number, partSizeBytes: number): number {
  return Math.floor(offset / partSizeBytes) + 1;
}
