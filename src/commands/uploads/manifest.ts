import { DomainError } from "../../domain/errors.ts";
import { partNumberAt } from "../../domain/uploads/part-plan.ts";
import { combineParts, type DurablePart, durablePrefix, totalBytes, type Upload } from "../../domain/uploads/upload.ts";

/**
 * The parts that make the file, ascending: those within the size, once that is declared or sealed; all of them before.
 * Parts that begin beyond a sealed size were written by a writer that did not know the size; they do not belong to the
 * file.
 */
export function toManifest(
  upload: Pick<Upload, "sizeBytes" | "partSizeBytes">,
  parts: readonly DurablePart[],
): DurablePart[] {
  const { sizeBytes = Number.POSITIVE_INFINITY, partSizeBytes } = upload;
  return parts.filter(({ partNumber }) => (partNumber - 1) * partSizeBytes < sizeBytes);
}

/**
 * The manifest of an upload that is `completing`. `data_loss / CHECKSUM_MISMATCH` unless the parts make the bytes that were
 * frozen: S3 must not assemble other bytes.
 */
export function toFrozenManifest(upload: Upload, parts: readonly DurablePart[]): DurablePart[] {
  const manifest = toManifest(upload, parts);
  const isWhole = totalBytes(durablePrefix(manifest)) === upload.sizeBytes;
  if (isWhole && combineParts(manifest) === upload.crc32) return manifest;
  const message = `the parts of upload ${upload.uploadId} have changed since its commit began; begin a new upload`;
  throw new DomainError("data_loss", message, {
    reason: "CHECKSUM_MISMATCH",
    details: { size_bytes: totalBytes(manifest), expected_size_bytes: upload.sizeBytes ?? 0 },
  });
}

/**
 * Throws unless the durable parts, ascending, hold `sizeBytes` bytes from `startOffset` (0 when left out) without a gap:
 * `failed_precondition / UPLOAD_INCOMPLETE`, which names the first gap, or `invalid_argument / SIZE_MISMATCH` where they
 * reach beyond.
 */
export function assertCovered(
  parts: readonly DurablePart[],
  bytes: { startOffset?: number; sizeBytes: number; partSizeBytes: number },
): void {
  const { startOffset = 0, sizeBytes, partSizeBytes } = bytes;
  const [last, endOffset] = [parts.at(-1), startOffset + sizeBytes];
  const reached = last === undefined ? 0 : (last.partNumber - 1) * partSizeBytes + last.lengthBytes;
  if (reached > endOffset) {
    const message = `the upload has durable bytes up to ${reached}; it cannot end at ${endOffset}`;
    throw new DomainError("invalid_argument", message, {
      reason: "SIZE_MISMATCH",
      field: "size_bytes",
      details: { size_bytes: reached, declared_size_bytes: endOffset },
    });
  }
  const prefix = durablePrefix(parts, partNumberAt(startOffset, partSizeBytes));
  const durableBytes = totalBytes(prefix);
  if (durableBytes === sizeBytes) return;
  const next = parts[prefix.length];
  const gapEnd = next === undefined ? endOffset : (next.partNumber - 1) * partSizeBytes;
  const gap = `${startOffset + durableBytes} to ${gapEnd - 1}`;
  const message = `the upload has ${durableBytes} of ${sizeBytes} bytes from byte ${startOffset}; the first that are missing are ${gap}`;
  throw new DomainError("failed_precondition", message, {
    reason: "UPLOAD_INCOMPLETE",
    details: { durable_offset: startOffset + durableBytes, size_bytes: endOffset, missing_end_offset: gapEnd },
  });
}
