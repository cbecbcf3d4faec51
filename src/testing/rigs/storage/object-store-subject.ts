import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { BodyAck, BodyInFlight, ObjectStore, PartTarget } from "../../../domain/object-store.ts";
import type { DurablePart } from "../../../domain/uploads/upload.ts";
import type { BodyLayout } from "../../../s3/requests/streamed-body.ts";

/** The answer of a presigned URL. */
export interface Download {
  status: number;
  /** `content-disposition` and `content-type`, as answered. */
  headers: { disposition: string | null; contentType: string | null };
  bytes: Buffer;
}

/** A store under test. Parts but the last have at least 5 MiB there, as in S3. */
export interface ObjectStoreSubject {
  store: ObjectStore;
  /** The same storage through bodies of another layout. */
  withLayout(layout: BodyLayout): ObjectStore;
  /** The same storage through requests signed with a secret that it does not know. */
  withWrongSecret: ObjectStore;
  bucket: string;
  /** One more bucket, which keeps versions; absent where `unable` names the tests that need it. */
  versionedBucket?: string;
  /** One more bucket, which has Object Lock; absent where `unable` names the tests that need it. */
  lockedBucket?: string;
  region: string;
  /** Titles of the tests that this storage is known not to pass, each with a sentence that says why; they are skipped with it. */
  unable?: Readonly<Record<string, string>>;
  /** GETs a presigned URL. */
  download(url: string): Promise<Download>;
  /** PUTs bytes to a presigned URL; the status. The bytes are sent whole, whatever length `headers` say. */
  upload(url: string, headers: Readonly<Record<string, string>>, bytes: Buffer): Promise<number>;
  close(): Promise<void>;
}

/** Exceptions of storage without a bucket that keeps versions. */
export function withoutVersions(why: string): Record<string, string> {
  return {
    "are all deleted for good, with marks of deletion": why,
    "are deleted one by one, and what is left is seen again": why,
    "are listed in pages": why,
    "copies the version that is named, deleted or overwritten as it may be": why,
  };
}

/** Exceptions of storage without Object Lock. */
export function withoutLocks(why: string): Record<string, string> {
  return {
    "keep a version from being deleted until they are lifted, and can be set twice": why,
    "are of no version that is not there": why,
  };
}

/** Exceptions of storage that takes any secret. */
export function withoutSecrets(why: string): Record<string, string> {
  return {
    "refuses a changed URL and a wrong secret": why,
    "refuses a secret that storage does not know": why,
  };
}

/** The least size of a part but the last, in bytes. */
export const PART_MIN_BYTES = 5 * 2 ** 20;

let keys = 0;

/** A key that no other test of this run uses. */
export function nextKey(): string {
  return `contract/${process.pid}-${++keys}`;
}

/** Bytes that look random and follow from the seed. */
export function sampleBytes(lengthBytes: number, seed = 1): Buffer {
  const block = Buffer.concat(
    Array.from({ length: 128 }, (_, index) => createHash("sha256").update(`${seed}/${index}`).digest()),
  );
  return Buffer.alloc(lengthBytes, block);
}

/** Writes bytes in pieces, as they would arrive, and ends; resolves to the acknowledgement. */
export async function send(body: BodyInFlight, bytes: Uint8Array, pieceBytes = 12_800): Promise<BodyAck> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    body.write(bytes.subarray(offset, offset + pieceBytes));
  }
  body.end(crc32(bytes));
  return await body.done;
}

/** Puts an object; returns its key. */
export async function putObject(
  { store, bucket }: Pick<ObjectStoreSubject, "store" | "bucket">,
  bytes: Uint8Array,
  contentType = "application/octet-stream",
): Promise<string> {
  const key = nextKey();
  await send(store.beginPut({ bucket, contentType, beginAttempt: async () => key }, bytes.length), bytes);
  return key;
}

/** A multipart upload that has begun. */
export async function beginUpload(
  { store, bucket }: Pick<ObjectStoreSubject, "store" | "bucket">,
  key = nextKey(),
): Promise<Omit<PartTarget, "partNumber">> {
  return { bucket, key, multipartId: await store.createMultipart(bucket, key, { contentType: "text/plain" }) };
}

/** Sends one part whole. */
export async function sendPart(store: ObjectStore, target: PartTarget, bytes: Uint8Array): Promise<DurablePart> {
  const { etag } = await send(store.beginPart(target, bytes.length), bytes);
  return { partNumber: target.partNumber, lengthBytes: bytes.length, crc32: crc32(bytes), etag };
}

/** The bytes of an object, or of a range of it. */
export async function readObject(
  { store, bucket }: Pick<ObjectStoreSubject, "store" | "bucket">,
  key: string,
  range?: { offset: number; sizeBytes: number },
): Promise<Buffer> {
  const stream = await store.read(bucket, key, range === undefined ? {} : { range });
  return Buffer.concat(await stream.toArray());
}
