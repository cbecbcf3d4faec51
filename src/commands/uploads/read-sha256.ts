import { createHash } from "node:crypto";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { AssembledObject, Upload } from "../../domain/uploads/upload.ts";
import { assertSameSha256 } from "./declared-content.ts";
import { notingFailure } from "./note-failure.ts";
import { readObject } from "./read-object.ts";
import { type UploadAccess, withDatabase } from "./upload-access.ts";

/**
 * Compares the SHA-256 of an `assembled` upload with the declared one. When a SHA-256 is wanted that no stream computed, it
 * reads the object back and notes the result. `aborted / CHECKSUM_MISMATCH`; other errors are those of `readSha256`.
 * `onReading` is awaited before an object is read, and again after every READING_EVERY_BYTES; when it rejects, reading ends
 * with its error.
 */
export async function assertSha256OfObject(
  access: UploadAccess<"commits">,
  upload: Upload,
  { onReading, ...declared }: { sha256?: Uint8Array | undefined; onReading?: () => Promise<void> },
): Promise<void> {
  const expected = declared.sha256 ?? upload.expectedSha256;
  const object = upload.object as AssembledObject;
  if (object.sha256 !== undefined) return assertSameSha256(object.sha256, expected);
  if (!upload.computeSha256 && expected === undefined) return;
  await onReading?.();
  const read = () => readSha256(access.objects, upload.bucket, object, { onReading });
  const sha256 = await notingFailure(access, upload.uploadId, read);
  // The hash is noted first: when another one was declared, no later call has to read all bytes again to say so.
  await withDatabase(access, () => access.uploads.commits.setSha256(upload.uploadId, sha256));
  assertSameSha256(sha256, expected);
}

/** How often `onReading` is called, in bytes: within two minutes at any speed above half a MiB a second. */
const READING_EVERY_BYTES = 64 * 2 ** 20;

/**
 * SHA-256 of an object, by reading it back: for bytes that no single stream saw whole. `onReading` is awaited after every
 * READING_EVERY_BYTES. Errors are those of `readObject`.
 */
export async function readSha256(
  objects: Pick<ObjectStore, "read">,
  bucket: string,
  object: Pick<AssembledObject, "key" | "versionId" | "sizeBytes">,
  { onReading }: { onReading?: (() => Promise<void>) | undefined } = {},
): Promise<Uint8Array> {
  const hash = createHash("sha256");
  let untoldBytes = 0;
  for await (const bytes of readObject(objects, { bucket, ...object })) {
    hash.update(bytes);
    untoldBytes += bytes.length;
    if (untoldBytes < READING_EVERY_BYTES) continue;
    untoldBytes = 0;
    await onReading?.();
  }
  return hash.digest();
}
