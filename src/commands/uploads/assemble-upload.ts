import { DomainError } from "../../domain/errors.ts";
import type { StoredPart } from "../../domain/object-store.ts";
import {
  type ByteRange,
  combineParts,
  type DurablePart,
  durablePrefix,
  toMissingRanges,
  totalBytes,
  type Upload,
} from "../../domain/uploads/upload.ts";
import { toFrozenManifest } from "./manifest.ts";
import { notingFailure } from "./note-failure.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/** Ranges that an error names; more are only counted. */
const RANGES_TOLD_MAX = 16;
/** Refusals of the parts: S3 has made no object of them. */
const REFUSALS: ReadonlySet<string> = new Set(["aborted/CHECKSUM_MISMATCH", "aborted/STORAGE_UNABLE"]);

/**
 * completing -> assembled: S3 makes the object of the frozen parts, and checks its CRC32. Where S3 has other parts than
 * were recorded, those parts become gaps and the upload goes back to `open`: `aborted / CHECKSUM_MISMATCH`, whose details
 * say `lost_parts`, `durable_offset` and `missing_ranges`; it also goes back where S3 takes no parts of their size:
 * `aborted / STORAGE_UNABLE`. `data_loss / CHECKSUM_MISMATCH` when the object that S3 made has other bytes, and
 * `unimplemented / STORAGE_UNABLE` where S3 cannot show which it has, are noted as the upload's failure; `unavailable`
 * while the outcome is not certain: the upload stays `completing`, to be assembled again.
 */
export async function assembleUpload(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: { parts: readonly DurablePart[]; epoch: number | undefined },
): Promise<Upload> {
  return await notingFailure(access, upload.uploadId, () => assemble(access, upload, options));
}

async function assemble(
  access: UploadAccess<"commits">,
  upload: Upload,
  options: { parts: readonly DurablePart[]; epoch: number | undefined },
): Promise<Upload> {
  const { bucket, s3Key: key, uploadId } = upload;
  const parts = toFrozenManifest(upload, options.parts);
  const target = { bucket, key, multipartId: upload.multipartId as string };
  const sizeBytes = upload.sizeBytes as number;
  const crc32 = combineParts(parts);
  const head = await access.objects.completeMultipart(target, { parts, crc32, sizeBytes }).catch(async (error) => {
    const isRefused = error instanceof DomainError && REFUSALS.has(`${error.code}/${error.reason}`);
    throw isRefused ? await reopenWithout(access, upload, { parts, error }) : error;
  });
  const object = { key, versionId: head.versionId, etag: head.etag, sizeBytes, crc32, sha256: undefined };
  return await withDatabase(access, () => access.uploads.commits.assemble(uploadId, object, { epoch: options.epoch }));
}

/** completing -> open, without the parts whose bytes in S3 are others; returns the error for the caller. */
async function reopenWithout(
  access: UploadAccess<"commits">,
  upload: Upload,
  { parts, error }: { parts: readonly DurablePart[]; error: DomainError },
): Promise<DomainError> {
  const { bucket, s3Key: key, uploadId } = upload;
  const stored = await access.objects.listParts({ bucket, key, multipartId: upload.multipartId as string });
  if (stored === undefined) return toUncertain(error);
  const actual = new Map(stored.map((part) => [part.partNumber, part]));
  const kept = parts.filter((part) => isSame(actual.get(part.partNumber), part));
  const lost = parts.filter((part) => !kept.includes(part));
  await withDatabase(access, () => access.uploads.commits.reopen(uploadId, lost));
  const missing = toMissingRanges(upload, kept, upload.sizeBytes as number);
  return error.withDetails({
    lost_parts: lost.length,
    durable_offset: totalBytes(durablePrefix(kept)),
    ...(missing.length > 0 && { missing_ranges: toText(missing) }),
  });
}

/** A part whose CRC32 storage does not state is no proof: it is sent again. */
function isSame(stored: StoredPart | undefined, part: DurablePart): boolean {
  return stored?.etag === part.etag && stored.sizeBytes === part.lengthBytes && stored.crc32 === part.crc32;
}

/** As HTTP writes ranges, both ends included: "0-99, 300-399". */
function toText(ranges: readonly ByteRange[]): string {
  const told = ranges.slice(0, RANGES_TOLD_MAX).map(({ offset, sizeBytes }) => `${offset}-${offset + sizeBytes - 1}`);
  const untold = ranges.length - told.length;
  return `${told.join(", ")}${untold > 0 ? ` and ${untold} more` : ""}`;
}

/** The multipart upload refused its parts a moment ago and is gone now: another call has completed it meanwhile. */
function toUncertain(cause: DomainError): DomainError {
  const message = "storage is assembling the file for another call, or lost it; complete the upload again";
  return new DomainError("unavailable", message, { reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000, cause });
}
