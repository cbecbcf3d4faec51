import { randomUUID } from "node:crypto";
import { combineCrc32, crc32 } from "../domain/crc32.ts";
import { DomainError } from "../domain/errors.ts";
import type { ObjectStore, PartTarget } from "../domain/object-store.ts";
import type { DurablePart } from "../domain/upload.ts";
import { type Finding, findErrorCode, problem, well } from "./finding.ts";

/** Bytes of the part that is put to a presigned URL, the last of its upload. */
const LAST_PART_BYTES = 1000;
const MEND = "docs/s3-servers.md says what the service needs of an S3 server, and which ones have it";

/** Where and with what abilities are tried. */
export interface AbilityProbe {
  objects: ObjectStore;
  bucket: string;
  keyPrefix: string;
  /** Least part but the last that storage takes, in bytes. */
  partMinBytes: number;
  /** PUTs bytes to a presigned URL; resolves to the status. */
  put: (url: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array) => Promise<number>;
}

/**
 * Tries on a probe object what uploads and files need beyond one write: a multipart upload with checksums, a presigned part,
 * copies whole and by range, and the deletion of what is not there (any more). A finding for each, whatever became of the
 * others; nothing is left behind that may be deleted.
 */
export async function probeAbilities(probe: AbilityProbe): Promise<Finding[]> {
  const { objects, bucket, keyPrefix } = probe;
  const key = `${keyPrefix}doctor/${randomUUID()}`;
  const findings: Finding[] = [];
  const attempt = async <T>(check: string, sentence: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      const result = await work();
      findings.push(well(check, sentence));
      return result;
    } catch (error) {
      findings.push(problem(check, toSentence(error), MEND));
      return undefined;
    }
  };
  const whole = await attempt("multipart uploads", "two parts with CRC32s became one object with theirs", () =>
    assemble(probe, key, (check, work) => attempt(check, "a part was put to its URL, and S3 lists its CRC32", work)),
  );
  if (whole !== undefined) {
    const source = { bucket, key, versionId: whole.versionId };
    await attempt("copies", "an object was copied, whole and by range, with CRC32s", () => copy(probe, source, whole));
  }
  await attempt("deletions", "what is there was deleted for good, and what is not there is no problem", async () => {
    await objects.deleteVersions(bucket, key);
    await objects.delete(bucket, key, { versionId: whole?.versionId || "null" });
  });
  return findings;
}

interface Whole {
  sizeBytes: number;
  crc32: number;
  versionId: string;
}

/** An object of two parts, the second put to a presigned URL, or sent as usual where that fails. */
async function assemble(
  { objects, bucket, partMinBytes, put }: AbilityProbe,
  key: string,
  presigned: (check: string, work: () => Promise<DurablePart>) => Promise<DurablePart | undefined>,
): Promise<Whole> {
  const target = {
    bucket,
    key,
    multipartId: await objects.createMultipart(bucket, key, { contentType: "text/plain" }),
  };
  try {
    const first = await send(objects, { ...target, partNumber: 1 }, Buffer.alloc(partMinBytes, "sluice doctor\n"));
    const last = { ...target, partNumber: 2 };
    const bytes = Buffer.alloc(LAST_PART_BYTES, "sluice doctor\n");
    const second =
      (await presigned("presigned parts", () => putPresigned({ objects, put }, last, bytes))) ??
      (await send(objects, last, bytes));
    const sum = combineCrc32(first.crc32, second.crc32, second.lengthBytes);
    const sizeBytes = first.lengthBytes + second.lengthBytes;
    const { versionId } = await objects.completeMultipart(target, { parts: [first, second], crc32: sum, sizeBytes });
    return { sizeBytes, crc32: sum, versionId };
  } catch (error) {
    await objects.abortMultipart(target).catch(() => {}); // what kept it from being assembled is the finding
    throw error;
  }
}

async function send(objects: ObjectStore, target: PartTarget, bytes: Uint8Array): Promise<DurablePart> {
  const body = objects.beginPart(target, bytes.length);
  body.write(bytes);
  const sum = crc32(bytes);
  body.end(sum);
  const { etag } = await body.done;
  return { partNumber: target.partNumber, lengthBytes: bytes.length, crc32: sum, etag };
}

async function putPresigned(
  { objects, put }: Pick<AbilityProbe, "objects" | "put">,
  target: PartTarget,
  bytes: Uint8Array,
): Promise<DurablePart> {
  const sum = crc32(bytes);
  const signed = { lengthBytes: bytes.length, crc32: sum, lifetimeMs: 60_000 };
  const { url, headers } = await objects.presignPart(target, signed);
  const status = await put(url, headers, bytes);
  if (status !== 200) throw new Unable(`a part that was put to its presigned URL was answered ${status}`);
  const part = (await objects.listParts(target))?.find(({ partNumber }) => partNumber === target.partNumber);
  if (part?.crc32 !== sum) throw new Unable("storage lists no CRC32 of a part that was put to its presigned URL");
  return { partNumber: target.partNumber, lengthBytes: bytes.length, crc32: sum, etag: part.etag };
}

async function copy(
  { objects, bucket, keyPrefix, partMinBytes }: AbilityProbe,
  source: { bucket: string; key: string; versionId: string },
  whole: Whole,
): Promise<void> {
  const key = `${keyPrefix}doctor/${randomUUID()}`;
  const target = { bucket, contentType: "text/plain", beginAttempt: async () => key };
  try {
    await objects.copyObject(source, target, whole);
  } finally {
    await objects.deleteVersions(bucket, key).catch(() => {}); // the check of deletions says what is wrong with them
  }
  const multipartId = await objects.createMultipart(bucket, key, { contentType: "text/plain" });
  const part = { bucket, key, multipartId, partNumber: 1 };
  try {
    const range = { offset: 0, sizeBytes: partMinBytes };
    const { crc32: stated } = await objects.copyPart(source, part, range);
    if (stated === crc32(Buffer.alloc(partMinBytes, "sluice doctor\n"))) return;
    throw new Unable("storage states another CRC32 than its bytes have for a part that is a range of an object");
  } finally {
    await objects.abortMultipart(part).catch(() => {}); // what kept the copy from being made is the finding
  }
}

/** Storage answered, and not as it should. */
class Unable extends Error {
  override readonly name = "Unable";
}

function toSentence(error: unknown): string {
  if (error instanceof Unable) return error.message;
  if (error instanceof DomainError) return `${error.message} (${findErrorCode(error)})`;
  return `it failed (${findErrorCode(error)})`;
}
