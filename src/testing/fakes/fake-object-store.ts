import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { compareBytes } from "../../domain/access/path-scope.ts";
import { combineCrc32 } from "../../domain/crc32.ts";
import { DomainError } from "../../domain/errors.ts";
import { toLifetimeSeconds } from "../../domain/files/download-lifetime.ts";
import type {
  BodyAck,
  BodyInFlight,
  CopySource,
  ObjectHead,
  ObjectStore,
  OneShotBodyInFlight,
  OnLeft,
  PageOptions,
  PartTarget,
  PresignedRequest,
  PutTarget,
  StoredPart,
} from "../../domain/object-store.ts";
import type { DurablePart } from "../../domain/uploads/upload.ts";
import { FakeBody, type FakeBodyOptions } from "./fake-body.ts";
import { type ObjectStoreOperation, StoreFaults } from "./store-faults.ts";

interface StoredObject extends ObjectHead {
  lastModified: Date;
  bytes: Buffer;
  contentType: string;
}

interface StoredMultipart {
  bucket: string;
  key: string;
  contentType: string;
  initiated: Date;
  parts: Map<number, { bytes: Buffer; etag: string }>;
}

/** How a fake store is made. */
export interface FakeObjectStoreOptions {
  /** Bucket names and their regions; `bucket` in eu-central-1 when left out. */
  buckets?: Readonly<Record<string, string>>;
  /** Buckets that keep versions; none when left out. */
  versionedBuckets?: readonly string[];
  /** Buckets with Object Lock, which keep versions too; none when left out. */
  lockedBuckets?: readonly string[];
  /** Least size of a part but the last, in bytes; 0 when left out, so that tests may use tiny parts. */
  partMinBytes?: number;
  /** Secret that signs presigned URLs; URLs of another secret are refused. */
  secret?: string;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** The answer of a URL of the fake. */
export interface FakeDownload {
  status: number;
  bytes: Buffer;
  contentType: string | null;
  contentDisposition: string | null;
}

/**
 * Objects in memory. Trusted because it passes the same contract suite as the adapter on real servers. `faults` scripts
 * which calls go wrong; all other calls succeed at once.
 */
export class FakeObjectStore implements ObjectStore {
  readonly faults = new StoreFaults();
  readonly #buckets: Readonly<Record<string, string>>;
  readonly #partMinBytes: number;
  readonly #secret: string;
  readonly #now: () => number;
  readonly #versionedBuckets: ReadonlySet<string>;
  readonly #lockedBuckets: ReadonlySet<string>;
  /** Versions under a legal hold, as "bucket/key version". */
  readonly #held = new Set<string>();
  /** The objects that readers see. */
  readonly #objects = new Map<string, StoredObject>();
  /** The older versions that versioned buckets keep, and marks of deletion; the newest last. */
  #history: { place: string; versionId: string; object: StoredObject | undefined }[] = [];
  readonly #multiparts = new Map<string, StoredMultipart>();
  readonly #inFlight = new Set<BodyInFlight>();
  #ids = 0;

  constructor(options: FakeObjectStoreOptions = {}) {
    this.#buckets = options.buckets ?? { bucket: "eu-central-1" };
    this.#lockedBuckets = new Set(options.lockedBuckets);
    this.#versionedBuckets = new Set([...(options.versionedBuckets ?? []), ...this.#lockedBuckets]);
    this.#partMinBytes = options.partMinBytes ?? 0;
    this.#secret = options.secret ?? "fake";
    this.#now = options.now ?? Date.now;
  }

  /** Keys of all objects, sorted. */
  get keys(): string[] {
    return [...this.#objects.keys()].map((place) => place.slice(place.indexOf("/") + 1)).sort();
  }

  /** Ids of the multipart uploads that were neither completed nor aborted. */
  get pendingMultiparts(): string[] {
    return [...this.#multiparts.keys()];
  }

  /** Bodies that are neither acknowledged nor failed. */
  get bodiesInFlight(): number {
    return this.#inFlight.size;
  }

  /** An object's bytes. */
  bytesOf(bucket: string, key: string): Buffer | undefined {
    return this.#objects.get(`${bucket}/${key}`)?.bytes;
  }

  /** Forgets a multipart upload from outside, as a lifecycle rule would. */
  forgetMultipart(multipartId: string): void {
    this.#multiparts.delete(multipartId);
  }

  /** Overwrites an object from outside, as another writer or a broken disk would. */
  overwrite(bucket: string, key: string, bytes: Buffer): void {
    this.#putObject(bucket, key, { bytes, contentType: "application/octet-stream" });
  }

  async createMultipart(
    bucket: string,
    key: string,
    { contentType, signal }: { contentType: string; signal?: AbortSignal },
  ): Promise<string> {
    return await this.#work("createMultipart", { key, signal }, () => {
      this.#assertBucket(bucket);
      const multipartId = `multipart-${++this.#ids}`;
      const initiated = new Date(this.#now());
      this.#multiparts.set(multipartId, { bucket, key, contentType, initiated, parts: new Map() });
      return multipartId;
    });
  }

  beginPart(target: PartTarget, lengthBytes: number): BodyInFlight {
    return this.#begin(lengthBytes, this.#toPartOptions(target));
  }

  beginOneShotPart(target: PartTarget, lengthBytes: number, onLeft: OnLeft): OneShotBodyInFlight {
    return this.#begin(lengthBytes, { ...this.#toPartOptions(target), onLeft });
  }

  #toPartOptions(target: PartTarget): FakeBodyOptions {
    const { key, partNumber } = target;
    return {
      what: `part ${partNumber}`,
      beginAttempt: async () => key,
      takeFault: () => this.faults.take("part", { key, partNumber }),
      store: (_, bytes) => {
        const etag = toEtag(bytes);
        this.#find(target).parts.set(partNumber, { bytes, etag });
        return etag;
      },
    };
  }

  beginPut({ bucket, beginAttempt, contentType }: PutTarget, lengthBytes: number): BodyInFlight {
    return this.#begin(lengthBytes, {
      what: "the file's bytes",
      beginAttempt,
      takeFault: (key) => this.faults.take("put", { key }),
      store: (key, bytes) => {
        this.#assertBucket(bucket);
        return this.#putObject(bucket, key, { bytes, contentType }).etag;
      },
    });
  }

  async completeMultipart(
    target: Omit<PartTarget, "partNumber">,
    manifest: { parts: readonly DurablePart[]; crc32: number; sizeBytes: number },
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<ObjectHead> {
    const { bucket, key, multipartId } = target;
    return await this.#work("completeMultipart", { key, signal }, () => {
      const upload = this.#multiparts.get(multipartId);
      if (upload === undefined) return this.#findCompleted(target, manifest);
      const bytes = this.#assemble(upload, manifest.parts);
      if (crc32(bytes) !== manifest.crc32 || bytes.length !== manifest.sizeBytes) {
        throw checksumMismatch("assembling the file: storage saw other bytes than the checksum says");
      }
      this.#multiparts.delete(multipartId);
      const etag = `${toEtag(bytes)}-${manifest.parts.length}`;
      return toHead(this.#putObject(bucket, key, { bytes, contentType: upload.contentType, etag }));
    });
  }

  async abortMultipart(
    { key, multipartId }: Omit<PartTarget, "partNumber">,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<void> {
    await this.#work("abortMultipart", { key, signal }, () => this.#multiparts.delete(multipartId));
  }

  async listParts({ key, multipartId }: Omit<PartTarget, "partNumber">): Promise<StoredPart[] | undefined> {
    return await this.#work("listParts", { key }, () => {
      const parts = this.#multiparts.get(multipartId)?.parts;
      if (parts === undefined) return undefined;
      return [...parts]
        .map(([partNumber, { bytes, etag }]) => ({ partNumber, sizeBytes: bytes.length, etag, crc32: crc32(bytes) }))
        .sort((a, b) => a.partNumber - b.partNumber);
    });
  }

  async listMultiparts(bucket: string, { keyPrefix, after, pageMax }: PageOptions) {
    return await this.#work("listMultiparts", { key: keyPrefix }, () => {
      this.#assertBucket(bucket);
      const all = [...this.#multiparts]
        .filter(([, upload]) => upload.bucket === bucket && upload.key.startsWith(keyPrefix))
        .map(([multipartId, { key, initiated }]) => ({ key, multipartId, initiated }));
      const { page, next } = toPage(all, { after, pageMax, idOf: ({ multipartId }) => multipartId });
      return { multiparts: page, next };
    });
  }

  async listVersions(bucket: string, { keyPrefix, after, afterKey, pageMax }: PageOptions & { afterKey?: string }) {
    return await this.#work("listVersions", { key: keyPrefix }, () => {
      this.#assertBucket(bucket);
      const current = [...this.#objects].map(([place, object]) => ({ place, versionId: object.versionId, object }));
      const all = [...current, ...this.#history]
        .filter(({ place }) => place.startsWith(`${bucket}/${keyPrefix}`))
        .map(({ place, versionId, object }) => ({
          key: place.slice(bucket.length + 1),
          versionId: versionId || "null",
          sizeBytes: object?.sizeBytes ?? 0,
          lastModified: object?.lastModified ?? new Date(this.#now()),
          isDeleteMarker: object === undefined,
        }))
        .filter(({ key }) => afterKey === undefined || compareBytes(key, afterKey) > 0);
      const { page, next } = toPage(all, { after, pageMax, idOf: ({ versionId }) => versionId });
      return { versions: page, next };
    });
  }

  async copyObject(
    source: CopySource,
    { bucket, beginAttempt, contentType }: PutTarget,
    content: { sizeBytes: number; crc32: number },
  ): Promise<BodyAck> {
    const key = await beginAttempt();
    return await this.#work("copyObject", { key }, () => {
      const { bytes } = this.#findSource(source);
      const { etag, versionId, sizeBytes, crc32: sum } = this.#putObject(bucket, key, { bytes, contentType });
      if (sizeBytes === content.sizeBytes && sum === content.crc32) return { key, etag, versionId };
      throw checksumMismatch("copying the file: storage made other bytes of it; copy it again");
    });
  }

  async copyPart(
    source: CopySource,
    target: PartTarget,
    { offset, sizeBytes }: { offset: number; sizeBytes: number },
  ): Promise<{ etag: string; crc32: number }> {
    const { key, partNumber } = target;
    return await this.#work("copyPart", { key, partNumber }, () => {
      const bytes = this.#findSource(source).bytes.subarray(offset, offset + sizeBytes);
      const etag = toEtag(bytes);
      this.#find(target).parts.set(partNumber, { bytes, etag });
      return { etag, crc32: crc32(bytes) };
    });
  }

  async head(bucket: string, key: string, { versionId = "" } = {}): Promise<ObjectHead | undefined> {
    return await this.#work("head", { key }, () => {
      const object = this.#findVersion({ bucket, key, versionId });
      return object === undefined ? undefined : toHead(object);
    });
  }

  async read(
    bucket: string,
    key: string,
    { range, signal }: { range?: { offset: number; sizeBytes: number }; signal?: AbortSignal },
  ): Promise<Readable> {
    return await this.#work("read", { key, signal }, () => {
      const { bytes } = this.#objects.get(`${bucket}/${key}`) ?? {};
      if (bytes === undefined) {
        throw new DomainError("data_loss", "reading bytes: storage does not have the object", {
          reason: "FILE_NOT_FOUND",
        });
      }
      const wanted = range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.sizeBytes);
      return Readable.from(wanted.length === 0 ? [] : [Buffer.from(wanted)], { ...(signal && { signal }) });
    });
  }

  async delete(bucket: string, key: string, { versionId = "" }: { versionId?: string } = {}): Promise<void> {
    await this.#work("delete", { key }, () => {
      const place = `${bucket}/${key}`;
      if (versionId !== "") this.#removeVersion(place, versionId);
      else {
        this.#retire(bucket, place);
        if (this.#versionedBuckets.has(bucket)) {
          this.#history.push({ place, versionId: `version-${++this.#ids}`, object: undefined });
        }
        this.#objects.delete(place);
      }
    });
  }

  async setLegalHold(
    bucket: string,
    key: string,
    { versionId, isHeld }: { versionId?: string; isHeld: boolean },
  ): Promise<boolean> {
    return await this.#work("setLegalHold", { key }, () => {
      if (!this.#lockedBuckets.has(bucket)) return false;
      const version = this.#findSource({ bucket, key, versionId: versionId ?? "" });
      const held = `${bucket}/${key} ${version.versionId}`;
      if (isHeld) this.#held.add(held);
      else this.#held.delete(held);
      return true;
    });
  }

  /** Whether a version of a key is under a legal hold. */
  isHeld(bucket: string, key: string): boolean {
    return [...this.#held].some((held) => held.startsWith(`${bucket}/${key} `));
  }

  async deleteVersions(bucket: string, key: string): Promise<void> {
    await this.#work("delete", { key }, () => {
      const place = `${bucket}/${key}`;
      if (this.isHeld(bucket, key)) throw refused("a version is under a legal hold");
      this.#objects.delete(place);
      this.#history = this.#history.filter((version) => version.place !== place);
    });
  }

  async presignDownload(
    bucket: string,
    key: string,
    options: { versionId?: string; lifetimeMs: number; contentType: string; contentDisposition: string },
  ): Promise<string> {
    const { lifetimeMs, contentType, contentDisposition } = options;
    return this.#presign(
      { bucket, key },
      { lifetimeMs, signMs: this.#now() },
      {
        "response-content-type": contentType,
        "response-content-disposition": contentDisposition,
      },
    );
  }

  async presignPart(
    target: PartTarget,
    options: { lengthBytes: number; crc32: number; lifetimeMs: number },
  ): Promise<PresignedRequest> {
    const { lengthBytes, crc32: sum, lifetimeMs } = options;
    const headers = { "content-length": String(lengthBytes), "x-amz-checksum-crc32": toBase64(sum) };
    const { multipartId: uploadId, partNumber } = target;
    const signed = { ...headers, uploadId, partNumber: String(partNumber) };
    return { url: this.#presign(target, { lifetimeMs, signMs: this.#now() }, signed), headers };
  }

  async checkBucket(bucket: string): Promise<void> {
    await this.#work("checkBucket", { key: "" }, () => this.#assertBucket(bucket));
  }

  async readBucketRegion(bucket: string): Promise<string | undefined> {
    return await this.#work("readBucketRegion", { key: "" }, () => {
      this.#assertBucket(bucket);
      return this.#buckets[bucket];
    });
  }

  /** The status that a PUT to a presigned URL answers. The length of the bytes is sent as it is. */
  upload(text: string, headers: Readonly<Record<string, string>>, bytes: Buffer): number {
    const url = new URL(text);
    const signed = (name: string) => url.searchParams.get(name);
    const isSigned =
      this.#isAllowed(url) &&
      signed("content-length") === String(bytes.length) &&
      signed("x-amz-checksum-crc32") === headers["x-amz-checksum-crc32"];
    if (!isSigned) return 403;
    const upload = this.#multiparts.get(signed("uploadId") ?? "");
    if (upload === undefined) return 404;
    if (headers["x-amz-checksum-crc32"] !== toBase64(crc32(bytes))) return 400;
    upload.parts.set(Number(signed("partNumber")), { bytes, etag: toEtag(bytes) });
    return 200;
  }

  /** The answer to a GET of a presigned URL. */
  download(text: string): FakeDownload {
    const url = new URL(text);
    const object = this.#objects.get(url.pathname.slice(1));
    const isAllowed = this.#isAllowed(url);
    if (!isAllowed || object === undefined) {
      const status = isAllowed ? 404 : 403;
      return { status, bytes: Buffer.alloc(0), contentType: null, contentDisposition: null };
    }
    return {
      status: 200,
      bytes: object.bytes,
      contentType: url.searchParams.get("response-content-type"),
      contentDisposition: url.searchParams.get("response-content-disposition"),
    };
  }

  #begin(lengthBytes: number, options: ConstructorParameters<typeof FakeBody>[1]): FakeBody {
    const body = new FakeBody(lengthBytes, options);
    this.#inFlight.add(body);
    const forget = () => this.#inFlight.delete(body);
    body.done.then(forget, forget);
    return body;
  }

  /** One request, with the fault that strikes it. */
  async #work<T>(
    operation: ObjectStoreOperation,
    { signal, ...call }: { key: string; partNumber?: number; signal?: AbortSignal | undefined },
    work: () => T,
  ): Promise<T> {
    await undefined;
    signal?.throwIfAborted();
    const fault = this.faults.take(operation, call);
    if (fault?.kind === "hang") await fault.released(signal);
    if (fault?.kind === "fail") throw fault.error;
    const outcome = work();
    if (fault?.kind === "lost-answer") throw fault.error;
    return outcome;
  }

  #findVersion({ bucket, key, versionId }: CopySource): StoredObject | undefined {
    const place = `${bucket}/${key}`;
    const current = this.#objects.get(place);
    const older = this.#history.find((version) => version.place === place && version.versionId === versionId)?.object;
    return versionId === "" || (current?.versionId || "null") === versionId ? current : older;
  }

  #findSource(named: CopySource): StoredObject {
    const source = this.#findVersion(named);
    if (source !== undefined) return source;
    throw new DomainError("data_loss", "copying the file: storage does not have the object", {
      reason: "FILE_NOT_FOUND",
    });
  }

  #find({ multipartId }: Pick<PartTarget, "multipartId">): StoredMultipart {
    const upload = this.#multiparts.get(multipartId);
    if (upload !== undefined) return upload;
    throw uploadLost("storage no longer has the upload; begin a new one");
  }

  #findCompleted(
    { bucket, key }: Omit<PartTarget, "partNumber">,
    manifest: { crc32: number; sizeBytes: number },
  ): ObjectHead {
    const object = this.#objects.get(`${bucket}/${key}`);
    if (object === undefined) throw stillAssembling();
    if (object.sizeBytes === manifest.sizeBytes && object.crc32 === manifest.crc32) return toHead(object);
    throw new DomainError("data_loss", "storage holds other bytes under the upload's key than were sent", {
      reason: "CHECKSUM_MISMATCH",
    });
  }

  #assemble(upload: StoredMultipart, parts: readonly DurablePart[]): Buffer {
    const pieces = parts.map(({ partNumber, etag }, index) => {
      const stored = upload.parts.get(partNumber);
      if (stored === undefined || stored.etag !== etag) {
        throw checksumMismatch("assembling the file: storage has other parts than were recorded; send the gaps again");
      }
      if (index < parts.length - 1 && stored.bytes.length < this.#partMinBytes) {
        const message = "assembling the file: storage takes no parts as small as the upload's; begin a new upload";
        throw new DomainError("aborted", message, { reason: "STORAGE_UNABLE" });
      }
      return stored.bytes;
    });
    const sum = parts.reduce((crc, part) => combineCrc32(crc, part.crc32, part.lengthBytes), 0);
    const bytes = Buffer.concat(pieces);
    if (sum !== crc32(bytes)) throw checksumMismatch("assembling the file: a part has another CRC32 than was recorded");
    return bytes;
  }

  #putObject(bucket: string, key: string, object: { bytes: Buffer; contentType: string; etag?: string }): StoredObject {
    const { bytes, contentType, etag = toEtag(bytes) } = object;
    const versionId = this.#versionedBuckets.has(bucket) ? `version-${++this.#ids}` : "";
    const lastModified = new Date(this.#now());
    const stored = { bytes, contentType, etag, sizeBytes: bytes.length, versionId, lastModified, crc32: crc32(bytes) };
    this.#retire(bucket, `${bucket}/${key}`);
    this.#objects.set(`${bucket}/${key}`, stored);
    return stored;
  }

  /** Keeps the object that readers see, where the bucket keeps versions. */
  #retire(bucket: string, place: string): void {
    const object = this.#objects.get(place);
    if (object === undefined || !this.#versionedBuckets.has(bucket)) return;
    this.#history.push({ place, versionId: object.versionId, object });
  }

  #removeVersion(place: string, versionId: string): void {
    if (this.#held.has(`${place} ${versionId}`)) throw refused("the version is under a legal hold");
    const current = this.#objects.get(place);
    if (current !== undefined && (current.versionId || "null") === versionId) this.#objects.delete(place);
    else this.#history = this.#history.filter((one) => one.place !== place || one.versionId !== versionId);
    const newest = this.#history.findLast((one) => one.place === place);
    if (this.#objects.has(place) || newest?.object === undefined) return;
    this.#history = this.#history.filter((one) => one !== newest);
    this.#objects.set(place, newest.object);
  }

  #assertBucket(bucket: string): void {
    if (this.#buckets[bucket] === undefined) throw refused(`bucket ${bucket} does not exist`);
  }

  #presign(
    { bucket, key }: { bucket: string; key: string },
    { lifetimeMs, signMs }: { lifetimeMs: number; signMs: number },
    query: Record<string, string>,
  ) {
    if (toLifetimeSeconds(lifetimeMs) === undefined) {
      throw new RangeError(`a URL cannot be signed for ${lifetimeMs} ms`);
    }
    const url = new URL(`https://storage.invalid/${bucket}/${key}`);
    const times = { "X-Amz-Date": String(signMs - (signMs % 1000)), "X-Amz-Expires": String(lifetimeMs) };
    for (const [name, value] of Object.entries({ ...times, ...query })) url.searchParams.set(name, value);
    url.searchParams.set("X-Amz-Signature", this.#sign(url));
    return url.href;
  }

  #isAllowed(signed: URL): boolean {
    const url = new URL(signed);
    url.searchParams.delete("X-Amz-Signature");
    const endsAt = Number(url.searchParams.get("X-Amz-Date")) + Number(url.searchParams.get("X-Amz-Expires"));
    return signed.searchParams.get("X-Amz-Signature") === this.#sign(url) && this.#now() < endsAt;
  }

  #sign(url: URL): string {
    return createHash("sha256").update(`${this.#secret}\n${url.href}`).digest("hex");
  }
}

/** One page by key; the entries of one key come in no order. */
function toPage<T extends { key: string }>(
  entries: readonly T[],
  { after, pageMax, idOf }: { after?: string | undefined; pageMax: number; idOf: (entry: T) => string },
): { page: T[]; next: string | undefined } {
  const markOf = (entry: T) => `${entry.key}\n${idOf(entry)}`;
  const sorted = entries.toSorted((a, b) => Buffer.compare(Buffer.from(markOf(a)), Buffer.from(markOf(b))));
  const following = sorted.filter((entry) => after === undefined || markOf(entry) > after);
  const page = following.slice(0, pageMax);
  const last = page.at(-1);
  return { page, next: last !== undefined && following.length > page.length ? markOf(last) : undefined };
}

function toHead({ sizeBytes, etag, versionId, crc32: crc }: StoredObject): ObjectHead {
  return { sizeBytes, etag, versionId, crc32: crc };
}

function toBase64(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(sum);
  return bytes.toString("base64");
}

function toEtag(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

function refused(message: string): DomainError {
  return new DomainError("unavailable", message, { reason: "STORAGE_UNAVAILABLE", retryAfterMs: 60_000 });
}

function stillAssembling(): DomainError {
  const message = "storage shows neither the upload nor its object, and may still be assembling it; complete it again";
  return new DomainError("unavailable", message, { reason: "STORAGE_UNAVAILABLE", retryAfterMs: 5000 });
}

function uploadLost(message: string): DomainError {
  return new DomainError("aborted", message, { reason: "UPLOAD_LOST" });
}

function checksumMismatch(message: string): DomainError {
  return new DomainError("aborted", message, { reason: "CHECKSUM_MISMATCH" });
}
