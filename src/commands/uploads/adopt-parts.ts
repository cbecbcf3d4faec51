import { formatCrc32 } from "../../domain/crc32.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import type { StoredPart } from "../../domain/object-store.ts";
import type { DurablePart, Upload } from "../../domain/uploads/upload.ts";
import type { UploadRecord } from "../../domain/uploads/upload-catalogue.ts";
import type { GrantedWriter, PresignedPart } from "../../domain/uploads/upload-writers.ts";
import { explainLost } from "./multipart-upload.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/** A part as the caller of a commit knows it, from what S3 answered to its URL. */
export interface ListedPart {
  partNumber: number;
  /** With or without its quotes. */
  etag: string;
}

/**
 * Reads an upload, after it has recorded as durable the presigned parts that S3 has. This costs one statement when no such
 * parts are outstanding. It is no error when storage does not answer: the parts then count at a later call.
 */
export async function readAdopted(
  access: UploadAccess<"catalogue" | "writers">,
  namespace: string,
  uploadId: string,
): Promise<UploadRecord> {
  const read = () => access.uploads.catalogue.get(namespace, uploadId);
  const found = await read();
  try {
    return (await adoptStored(access, found)).hasChanged ? await read() : found;
  } catch (error) {
    if (error instanceof DomainError && error.code === "unavailable") return found;
    throw error;
  }
}

/**
 * Reads an upload as `readAdopted` does, before a commit, for which every part counts: `aborted / CHECKSUM_MISMATCH` names
 * a part of which S3 has other bytes than its URL was signed for, or another ETag than `listed` says; `failed_precondition
 * / UPLOAD_INCOMPLETE` names a part that is listed and not durable; `unavailable` when storage does not answer.
 */
export async function readForCommit(
  access: UploadAccess<"catalogue" | "writers">,
  target: { namespace: string; uploadId: string; listed: readonly ListedPart[] | undefined },
): Promise<UploadRecord> {
  const { namespace, uploadId, listed = [] } = target;
  const { partsMax } = access.limits;
  if (listed.length > partsMax) {
    throw invalidArgument("parts", `${listed.length} parts are listed; an upload has at most ${partsMax}`, {
      details: { parts: listed.length, parts_max: partsMax },
    });
  }
  const read = () => withDatabase(access, () => access.uploads.catalogue.get(namespace, uploadId));
  const found = await read();
  const { hasChanged, foreign } = await adoptStored(access, found);
  if (foreign !== undefined) throw toForeign(foreign);
  const record = hasChanged ? await read() : found;
  assertListed(record, listed);
  return record;
}

/**
 * Begins a writer that has taken over the claims of presigned parts: the parts that S3 has are durable then, and the writer
 * has to send the others.
 */
export async function adoptAtStart(access: UploadAccess<"writers">, begin: GrantedWriter): Promise<GrantedWriter> {
  const { upload, epoch, outstanding } = begin;
  if (outstanding.length === 0) return begin;
  const stored = await listStored(access, upload, { partNumber: (outstanding[0] as PresignedPart).partNumber, epoch });
  if (stored === undefined) return begin;
  const ready = match(outstanding, stored).ready;
  if (ready.length === 0) return begin;
  const adopted = await withDatabase(access, () =>
    access.uploads.writers.adoptParts(upload.uploadId, ready, { epoch }),
  );
  const parts = [...begin.parts, ...adopted].sort((a, b) => a.partNumber - b.partNumber);
  return { ...begin, parts };
}

/** A part whose bytes in S3 are not those that its URL was signed for. */
interface ForeignPart {
  claim: PresignedPart;
  stored: StoredPart;
}

/**
 * Adopts the parts that S3 has. `hasChanged`: the caller has to read the upload again. `foreign`: the first part whose
 * bytes are not those that were signed.
 */
async function adoptStored(
  access: UploadAccess<"writers">,
  { upload, outstanding }: UploadRecord,
): Promise<{ hasChanged: boolean; foreign: ForeignPart | undefined }> {
  const [first] = outstanding;
  if (first === undefined) return { hasChanged: false, foreign: undefined };
  try {
    const stored = await listStored(access, upload, first);
    if (stored === undefined) return { hasChanged: false, foreign: undefined };
    const { ready, foreign } = match(outstanding, stored);
    if (ready.length > 0) await withDatabase(access, () => access.uploads.writers.adoptParts(upload.uploadId, ready));
    return { hasChanged: ready.length > 0, foreign: foreign[0] };
  } catch (error) {
    // Another call has moved the upload on, or the upload was found to be lost: its new state explains the rest.
    const isOver = error instanceof DomainError && ["UPLOAD_NOT_OPEN", "UPLOAD_LOST"].includes(error.reason);
    if (isOver || isFenced(error)) return { hasChanged: true, foreign: undefined };
    throw error;
  }
}

function isFenced(error: unknown): boolean {
  return error instanceof DomainError && error.reason === "WRITER_FENCED";
}

/**
 * The parts that S3 has, by number; undefined when no URL was signed yet. When S3 no longer knows the upload it throws the
 * reason; `claim` is a current claim.
 */
async function listStored(
  access: UploadAccess<"writers">,
  { bucket, s3Key: key, multipartId, uploadId }: Upload,
  claim: { partNumber: number; epoch: number },
): Promise<Map<number, StoredPart> | undefined> {
  if (multipartId === undefined) return undefined;
  const stored = await access.objects.listParts({ bucket, key, multipartId });
  if (stored !== undefined) return new Map(stored.map((part) => [part.partNumber, part]));
  const message = "storage no longer has the upload; begin a new one";
  const lost = new DomainError("aborted", message, { reason: "UPLOAD_LOST" });
  throw await explainLost(access, { uploadId, epoch: claim.epoch, partNumber: claim.partNumber }, lost);
}

function match(outstanding: readonly PresignedPart[], stored: ReadonlyMap<number, StoredPart>) {
  const ready: (PresignedPart & { etag: string })[] = [];
  const foreign: ForeignPart[] = [];
  for (const claim of outstanding) {
    const part = stored.get(claim.partNumber);
    if (part === undefined) continue;
    if (part.sizeBytes === claim.lengthBytes && part.crc32 === claim.crc32) ready.push({ ...claim, etag: part.etag });
    else foreign.push({ claim, stored: part });
  }
  return { ready, foreign };
}

function assertListed({ upload, parts }: UploadRecord, listed: readonly ListedPart[]): void {
  if (upload.state === "aborted" || upload.state === "expired") return;
  const durable = new Map<number, DurablePart>(parts.map((part) => [part.partNumber, part]));
  for (const { partNumber, etag } of listed) {
    const part = durable.get(partNumber);
    if (part === undefined && upload.object !== undefined) continue;
    if (part === undefined) {
      const message = `part ${partNumber} is listed, and not durable: put its bytes to its URL, or sign it again`;
      throw new DomainError("failed_precondition", message, {
        reason: "UPLOAD_INCOMPLETE",
        field: "parts",
        details: { part_number: partNumber },
      });
    }
    if (part.etag === etag.replace(/^"(.*)"$/, "$1")) continue;
    const message = `part ${partNumber} has another ETag than the listed one; list the ETag that storage answered`;
    throw new DomainError("aborted", message, {
      reason: "CHECKSUM_MISMATCH",
      field: "parts",
      details: { part_number: partNumber },
    });
  }
}

function toForeign({ claim, stored }: ForeignPart): DomainError {
  const { partNumber, lengthBytes, crc32 } = claim;
  const has = stored.crc32 === undefined ? "no CRC32" : `CRC32 ${formatCrc32(stored.crc32)}`;
  const message = `storage has part ${partNumber} with ${stored.sizeBytes} bytes and ${has}; its URL was signed for ${lengthBytes} bytes with CRC32 ${formatCrc32(crc32)}. Put those, or sign the part again`;
  return new DomainError("aborted", message, {
    reason: "CHECKSUM_MISMATCH",
    details: {
      part_number: partNumber,
      part_bytes: lengthBytes,
      expected_crc32: formatCrc32(crc32),
      stored_bytes: stored.sizeBytes,
      ...(stored.crc32 !== undefined && { crc32: formatCrc32(stored.crc32) }),
    },
  });
}
