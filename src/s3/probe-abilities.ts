import { combineCrc32, crc32 } from "../domain/crc32.ts";
import type { ObjectStore, PartTarget } from "../domain/object-store.ts";
import type { DurablePart } from "../domain/uploads/upload.ts";
import { storageUnable } from "./errors.ts";

/** Bytes of the part that is put to a presigned URL, the last part of its upload. */
const LAST_PART_BYTES = 1000;

/** Where abilities are tried, and with which functions. */
export interface AbilityProbe {
  objects: ObjectStore;
  bucket: string;
  /** Makes a fresh key below the service's prefix, which no file can have. */
  createKey: () => string;
  /** Smallest part that storage takes before the last, in bytes. */
  partMinBytes: number;
  /** PUTs bytes to a presigned URL; resolves to the status. */
  put: (url: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array) => Promise<number>;
}

/** The outcome for one ability: a sentence that says what was done, or the error that it failed with. */
export type ProbedAbility = { ability: string } & ({ done: string } | { error: unknown });

/**
 * Tries on a probe object the abilities that uploads and files need beyond one write: a multipart upload with checksums, a
 * presigned part, copies as a whole and by range, and the deletion of objects that do not exist (any more). Each ability is
 * tried, whatever the outcome of the others. Everything that may be deleted is deleted again. Never rejects.
 */
export async function probeAbilities(probe: AbilityProbe): Promise<ProbedAbility[]> {
  const { objects, bucket, createKey } = probe;
  const key = createKey();
  const probed: ProbedAbility[] = [];
  const attempt = async <T>(ability: string, done: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      const result = await work();
      probed.push({ ability, done });
      return result;
    } catch (error) {
      probed.push({ ability, error });
      return undefined;
    }
  };
  const whole = await attempt("multipart uploads", "two parts with CRC32s became one object with theirs", () =>
    assemble(probe, key, (work) => attempt("presigned parts", "one was put to its URL, and S3 lists its CRC32", work)),
  );
  if (whole !== undefined) {
    const source = { bucket, key, versionId: whole.versionId };
    await attempt("copies", "an object was copied, whole and by range, with CRC32s", () => copy(probe, source, whole));
  }
  await attempt("deletions", "what is there was deleted for good, and what is not there is no problem", async () => {
    await objects.deleteVersions(bucket, key);
    await objects.delete(bucket, key, { versionId: whole?.versionId || "null" });
  });
  return probed;
}

interface Whole {
  sizeBytes: number;
  crc32: number;
  versionId: string;
}

/** Makes an object of two parts. The second is put to a presigned URL, or sent as usual when that fails. */
async function assemble(
  { objects, bucket, partMinBytes, put }: AbilityProbe,
  key: string,
  presigned: (work: () => Promise<DurablePart>) => Promise<DurablePart | undefined>,
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
      (await presigned(() => putPresigned({ objects, put }, last, bytes))) ?? (await send(objects, last, bytes));
    const sum = combineCrc32(first.crc32, second.crc32, second.lengthBytes);
    const sizeBytes = first.lengthBytes + second.lengthBytes;
    const { versionId } = await objects.completeMultipart(target, { parts: [first, second], crc32: sum, sizeBytes });
    return { sizeBytes, crc32: sum, versionId };
  } catch (error) {
    await objects.abortMultipart(target).catch(() => {}); // the finding is the error of assembling
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
  if (status !== 200) throw storageUnable(`a part that was put to its presigned URL was answered ${status}`);
  const part = (await objects.listParts(target))?.find(({ partNumber }) => partNumber === target.partNumber);
  if (part?.crc32 !== sum) throw storageUnable("storage lists no CRC32 of a part that was put to its presigned URL");
  return { partNumber: target.partNumber, lengthBytes: bytes.length, crc32: sum, etag: part.etag };
}

async function copy(
  { objects, bucket, createKey, partMinBytes }: AbilityProbe,
  source: { bucket: string; key: string; versionId: string },
  whole: Whole,
): Promise<void> {
  const key = createKey();
  const target = { bucket, contentType: "text/plain", beginAttempt: async () => key };
  try {
    await objects.copyObject(source, target, whole);
  } finally {
    await objects.deleteVersions(bucket, key).catch(() => {}); // the check of deletions reports their problem
  }
  const multipartId = await objects.createMultipart(bucket, key, { contentType: "text/plain" });
  const part = { bucket, key, multipartId, partNumber: 1 };
  try {
    const range = { offset: 0, sizeBytes: partMinBytes };
    const { crc32: stated } = await objects.copyPart(source, part, range);
    if (stated === crc32(Buffer.alloc(partMinBytes, "sluice doctor\n"))) return;
    throw storageUnable("storage states another CRC32 than its bytes have for a part that is a range of an object");
  } finally {
    await objects.abortMultipart(part).catch(() => {}); // the finding is the error of copying
  }
}
