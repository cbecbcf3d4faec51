import { crc32 } from "node:zlib";
import { expect } from "chai";
import { combineCrc32 } from "../../../domain/crc32.ts";
import { DomainError, type ErrorCode, type ErrorReason } from "../../../domain/errors.ts";
import type { BodyInFlight, ObjectStore } from "../../../domain/object-store.ts";
import type { DurablePart } from "../../../domain/uploads/upload.ts";
import {
  beginUpload,
  nextKey,
  type ObjectStoreSubject,
  PART_MIN_BYTES,
  putObject,
  readObject,
  sampleBytes,
  send,
  sendPart,
} from "../../rigs/storage/object-store-subject.ts";
import { until } from "../../rigs/until.ts";
import { copiesContract } from "./copies-contract.ts";
import { legalHoldContract } from "./legal-hold-contract.ts";
import { oneShotPartsContract } from "./one-shot-parts-contract.ts";
import { presignedPutsContract } from "./presigned-puts-contract.ts";
import { multipartListingContract, versionsContract } from "./store-listings-contract.ts";

const LAYOUTS = {
  "one aws-chunk a body": { form: "trailer", chunkBytes: 0, corkBytes: 65_536 },
  "aws-chunks of 64 KiB": { form: "trailer", chunkBytes: 65_536, corkBytes: 65_536 },
  "the checksum in a header": { form: "header", chunkBytes: 0, corkBytes: 65_536 },
} as const;
const SOME = { contentType: "application/octet-stream" };

/**
 * The contract of every ObjectStore. `make` is called once; where it resolves to a sentence that says what is missing, the
 * sentence is printed and the suite skipped.
 */
export function objectStoreContract(name: string, make: () => Promise<ObjectStoreSubject | string>): void {
  describe(name, function () {
    let subject: ObjectStoreSubject | undefined;
    const suite = this;
    before(async function () {
      const made = await make();
      if (typeof made === "string") {
        console.log(`    skipped: ${made}`);
        this.skip();
      }
      subject = made;
      // An exception without a test of its title must not stay for ever.
      const titles = new Set(suite.suites.flatMap(({ tests }) => tests.map(({ title }) => title)));
      const unknown = Object.keys(made.unable ?? {}).filter((title) => !titles.has(title));
      expect(unknown, "exceptions for tests that there are not").to.deep.equal([]);
    });
    after(() => subject?.close());
    beforeEach(function () {
      const why = subject?.unable?.[this.currentTest?.title ?? ""];
      if (why === undefined) return;
      console.log(`      skipped: ${why}`);
      this.skip();
    });
    const given = () => subject as ObjectStoreSubject;

    for (const [layoutName, layout] of Object.entries(LAYOUTS)) {
      describe(`bodies with ${layoutName}`, () => bodiesContract(given, () => given().withLayout(layout)));
    }
    describe("puts", () => putsContract(given));
    describe("parts", () => partsContract(given));
    describe("one-shot parts", () => oneShotPartsContract(given));
    describe("completing", () => completingContract(given));
    describe("aborting", () => abortingContract(given));
    describe("listing uploads", () => multipartListingContract(given));
    describe("versions", () => versionsContract(given));
    describe("legal holds", () => legalHoldContract(given));
    describe("copies", () => copiesContract(given));
    describe("objects", () => objectsContract(given));
    describe("presigned downloads", () => presignContract(given));
    describe("presigned parts", () => presignedPutsContract(given));
    describe("a bucket", () => bucketContract(given));
  });
}

function bodiesContract(given: () => ObjectStoreSubject, store: () => ObjectStore): void {
  for (const lengthBytes of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
    it(`puts ${lengthBytes} bytes`, async () => {
      const { bucket } = given();
      const bytes = sampleBytes(lengthBytes);
      const key = await putObject({ store: store(), bucket }, bytes);
      expect(await store().head(bucket, key)).to.deep.include({ sizeBytes: lengthBytes, crc32: crc32(bytes) });
      expect(await readObject(given(), key)).to.deep.equal(bytes);
    });
  }

  it("sends parts whose object is their bytes in order", async () => {
    const target = await beginUpload(given());
    const pieces = [sampleBytes(PART_MIN_BYTES, 1), sampleBytes(PART_MIN_BYTES + 7, 2), sampleBytes(3, 3)];
    const parts = await Promise.all(
      pieces.map((bytes, index) => sendPart(store(), { ...target, partNumber: index + 1 }, bytes)),
    );
    const whole = Buffer.concat(pieces);
    const head = await store().completeMultipart(target, toManifest(parts));
    expect(head).to.deep.include({ sizeBytes: whole.length, crc32: crc32(whole) });
    expect((await readObject(given(), target.key)).equals(whole)).to.equal(true);
  });

  it("sends a body that ends short with its true length", async () => {
    const { bucket } = given();
    const body = store().beginPut({ bucket, ...SOME, beginAttempt: async () => nextKey() }, 100_000);
    const { key } = await send(body, sampleBytes(70_000));
    expect(await readObject(given(), key)).to.deep.equal(sampleBytes(70_000));
  });

  it("refuses a body whose bytes do not match its CRC32", async () => {
    const target = await beginUpload(given());
    const body = store().beginPart({ ...target, partNumber: 1 }, 5);
    body.write(Buffer.from("hello"));
    body.end(crc32("jello"));
    await expectRefusal(body.done, ["aborted", "CHECKSUM_MISMATCH"]);
    expect(await store().listParts(target)).to.deep.equal([]);
    await store().abortMultipart(target);
  });
}

function putsContract(given: () => ObjectStoreSubject): void {
  it("writes to the key of the attempt, and says so", async () => {
    const { store, bucket } = given();
    const key = nextKey();
    const ack = await send(store.beginPut({ bucket, ...SOME, beginAttempt: async () => key }, 5), Buffer.from("hello"));
    expect(ack).to.deep.include({ key, etag: (await store.head(bucket, key))?.etag });
    expect(ack.etag).to.match(/^[^"]+$/);
  });

  it("ends with the error of an attempt that may not begin", async () => {
    const fenced = new DomainError("aborted", "a newer writer has begun", { reason: "WRITER_FENCED" });
    const beginAttempt = () => Promise.reject(fenced);
    const body = given().store.beginPut({ bucket: given().bucket, ...SOME, beginAttempt }, 5);
    expect(await send(body, Buffer.from("hello")).catch((error) => error)).to.equal(fenced);
  });

  it("rejects with the reason of an abort, at any time, repeatedly", async () => {
    const { store, bucket } = given();
    const key = nextKey();
    const body = store.beginPut({ bucket, ...SOME, beginAttempt: async () => key }, 200_000);
    body.write(sampleBytes(100_000));
    const reason = new Error("the caller hung up");
    body.abort(reason);
    body.abort(new Error("later"));
    body.write(sampleBytes(1));
    expect(await body.done.catch((error) => error)).to.equal(reason);
    body.abort(new Error("after all"));
    expect(await store.head(bucket, key)).to.equal(undefined);
  });

  it("takes more bytes than were announced for the bug they are", async () => {
    const { store, bucket } = given();
    const body = store.beginPut({ bucket, ...SOME, beginAttempt: async () => nextKey() }, 3);
    expect(() => body.write(Buffer.from("hello"))).to.throw("past the announced 3");
    await send(body, Buffer.from("hel"));
    expect(() => body.write(Buffer.from("x"))).to.throw("past the announced 3");
  });

  it("keeps the bytes, by reference, until they are acknowledged", async () => {
    const { store, bucket } = given();
    const body = store.beginPut({ bucket, ...SOME, beginAttempt: async () => nextKey() }, 6);
    const pieces = [Buffer.from("abc"), Buffer.from("def")] as const;
    body.write(pieces[0]);
    body.write(pieces[1]);
    expect(body.kept.pieces[0]).to.equal(pieces[0]);
    expect(body.kept.pieces[1]).to.equal(pieces[1]);
    body.end(crc32("abcdef"));
    body.end(0);
    await body.done;
  });

  it("reports what storage refuses for good", async () => {
    const { store } = given();
    const body = store.beginPut({ bucket: "no-such-bucket", ...SOME, beginAttempt: async () => nextKey() }, 5);
    await expectRefusal(send(body, Buffer.from("hello")), ["unavailable", "STORAGE_UNAVAILABLE"]);
  });
}

function partsContract(given: () => ObjectStoreSubject): void {
  it("lists parts with sizes and ETags, ascending", async () => {
    const { store } = given();
    const target = await beginUpload(given());
    expect(await store.listParts(target)).to.deep.equal([]);
    const third = await sendPart(store, { ...target, partNumber: 3 }, sampleBytes(30));
    const first = await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
    expect(await store.listParts(target)).to.deep.equal([
      { partNumber: 1, sizeBytes: 10, etag: first.etag, crc32: crc32(sampleBytes(10)) },
      { partNumber: 3, sizeBytes: 30, etag: third.etag, crc32: crc32(sampleBytes(30)) },
    ]);
    await store.abortMultipart(target);
    expect(await store.listParts(target)).to.equal(undefined);
  });

  it("replaces a part that is sent again", async () => {
    const { store } = given();
    const target = await beginUpload(given());
    await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10, 1));
    const again = await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(12, 2));
    const part = { partNumber: 1, sizeBytes: 12, etag: again.etag, crc32: again.crc32 };
    expect(await store.listParts(target)).to.deep.equal([part]);
    await store.abortMultipart(target);
  });

  it("lists more than a page of parts", async () => {
    const { store } = given();
    const target = await beginUpload(given());
    const numbers = Array.from({ length: 1005 }, (_, index) => index + 1);
    const bytes = Buffer.from("x");
    await inTurns(numbers, (partNumber) => sendPart(store, { ...target, partNumber }, bytes));
    const parts = await store.listParts(target);
    expect(parts?.map((part) => part.partNumber)).to.deep.equal(numbers);
    await store.abortMultipart(target);
  });

  it("says that the upload is lost when it is gone", async () => {
    const { store } = given();
    const target = await beginUpload(given());
    await store.abortMultipart(target);
    const sending = sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
    await expectRefusal(sending, ["aborted", "UPLOAD_LOST"]);
  });
}

function completingContract(given: () => ObjectStoreSubject): void {
  const sendOne = async () => {
    const target = await beginUpload(given());
    return { target, parts: [await sendPart(given().store, { ...target, partNumber: 1 }, sampleBytes(100))] };
  };

  it("says what became of the parts, as HEAD does", async () => {
    const { store, bucket } = given();
    const { target, parts } = await sendOne();
    const head = await store.completeMultipart(target, toManifest(parts));
    expect(head).to.deep.include({ sizeBytes: 100, crc32: crc32(sampleBytes(100)) });
    expect(await store.head(bucket, target.key)).to.deep.equal(head);
    expect(await store.listParts(target)).to.equal(undefined);
  });

  it("succeeds again, for the answer may have been lost", async () => {
    const { store } = given();
    const { target, parts } = await sendOne();
    const first = await store.completeMultipart(target, toManifest(parts));
    const second = await store.completeMultipart(target, toManifest(parts));
    expect(second).to.deep.equal(first);
  });

  it("refuses a CRC32 of the whole that its bytes do not have", async () => {
    const { store, bucket } = given();
    const { target, parts } = await sendOne();
    const wrong = { ...toManifest(parts), crc32: 0x1234_5678 };
    await expectRefusal(store.completeMultipart(target, wrong), ["aborted", "CHECKSUM_MISMATCH"]);
    expect(await store.head(bucket, target.key)).to.equal(undefined);
    await store.completeMultipart(target, toManifest(parts));
  });

  it("refuses parts that storage has not, or has with other bytes, and changes nothing", async () => {
    const { store, bucket } = given();
    const { target, parts } = await sendOne();
    const first = parts[0] as DurablePart;
    const absent = { ...first, partNumber: 2 };
    const other = { ...first, etag: "0".repeat(32) };
    for (const wrong of [[absent], [other]]) {
      const completing = store.completeMultipart(target, toManifest(wrong));
      await expectRefusal(completing, ["aborted", "CHECKSUM_MISMATCH"]);
    }
    expect(await store.listParts(target)).to.have.lengthOf(1);
    expect(await store.head(bucket, target.key)).to.equal(undefined);
    await store.abortMultipart(target);
  });

  it("refuses a short part before the last", async () => {
    const { store } = given();
    const { target, parts } = await sendOne();
    parts.push(await sendPart(store, { ...target, partNumber: 2 }, sampleBytes(10)));
    const completing = store.completeMultipart(target, toManifest(parts));
    await expectRefusal(completing, ["aborted", "STORAGE_UNABLE"]);
    expect(await store.listParts(target)).to.have.lengthOf(2);
    await store.abortMultipart(target);
  });

  it("leaves it open when neither the upload nor its object is there: it may still be assembled", async () => {
    const { store } = given();
    const { target, parts } = await sendOne();
    await store.abortMultipart(target);
    const completing = store.completeMultipart(target, toManifest(parts));
    const error = await expectRefusal(completing, ["unavailable", "STORAGE_UNAVAILABLE"]);
    expect(error.retryAfterMs).to.be.greaterThan(0);
  });

  it("does not take another object under the key for its own", async () => {
    const { store, bucket } = given();
    const { target, parts } = await sendOne();
    await store.abortMultipart(target);
    await send(store.beginPut({ bucket, ...SOME, beginAttempt: async () => target.key }, 4), Buffer.from("else"));
    const completing = store.completeMultipart(target, toManifest(parts));
    await expectRefusal(completing, ["data_loss", "CHECKSUM_MISMATCH"]);
  });

  it("ends with the reason of its signal", async () => {
    const { store } = given();
    const { target, parts } = await sendOne();
    const signal = AbortSignal.abort(new Error("shutting down"));
    const completing = store.completeMultipart(target, toManifest(parts), { signal });
    expect(await completing.catch((error) => error)).to.equal(signal.reason);
    await store.completeMultipart(target, toManifest(parts));
  });
}

function abortingContract(given: () => ObjectStoreSubject): void {
  it("aborts again, and what is gone or was completed", async () => {
    const { store, bucket } = given();
    const target = await beginUpload(given());
    const part = await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
    await store.abortMultipart(target);
    await store.abortMultipart(target);
    const other = await beginUpload(given());
    const kept = await sendPart(store, { ...other, partNumber: 1 }, sampleBytes(10));
    await store.completeMultipart(other, toManifest([kept]));
    await store.abortMultipart(other);
    expect(await store.head(bucket, other.key)).to.deep.include({ sizeBytes: 10, crc32: part.crc32 });
  });

  it("ends with the reason of its signal", async () => {
    const { store, bucket } = given();
    const target = await beginUpload(given());
    const signal = AbortSignal.abort(new Error("shutting down"));
    expect(await store.abortMultipart(target, { signal }).catch((error) => error)).to.equal(signal.reason);
    const creating = store.createMultipart(bucket, nextKey(), { contentType: "text/plain", signal });
    expect(await creating.catch((error) => error)).to.equal(signal.reason);
    await store.abortMultipart(target);
  });
}

function objectsContract(given: () => ObjectStoreSubject): void {
  it("reads a whole object, and ranges of it", async () => {
    const bytes = sampleBytes(300_000);
    const key = await putObject(given(), bytes);
    expect((await readObject(given(), key)).equals(bytes)).to.equal(true);
    const range = { offset: 65_530, sizeBytes: 20 };
    expect(await readObject(given(), key, range)).to.deep.equal(bytes.subarray(65_530, 65_550));
    const last = { offset: 299_999, sizeBytes: 1 };
    expect(await readObject(given(), key, last)).to.deep.equal(bytes.subarray(299_999));
  });

  it("knows nothing of an object that is not there", async () => {
    const { store, bucket } = given();
    const key = nextKey();
    expect(await store.head(bucket, key)).to.equal(undefined);
    await expectRefusal(store.read(bucket, key, {}), ["data_loss", "FILE_NOT_FOUND"]);
    await store.delete(bucket, key);
  });

  it("takes keys of any characters", async () => {
    const { store, bucket } = given();
    const bytes = Buffer.from("hello");
    for (const name of ["it's (a) key!*.txt", "ü+%20&=?#@:,;$~", "日本語/🙂"]) {
      const key = `${nextKey()}/${name}`;
      await send(store.beginPut({ bucket, ...SOME, beginAttempt: async () => key }, bytes.length), bytes);
      expect(await readObject(given(), key), name).to.deep.equal(bytes);
      const target = await beginUpload(given(), key);
      const part = await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
      await store.completeMultipart(target, toManifest([part]));
      expect(await readObject(given(), key), name).to.deep.equal(sampleBytes(10));
      await store.delete(bucket, key);
      expect(await store.head(bucket, key)).to.equal(undefined);
    }
  });

  it("deletes an object, once and again", async () => {
    const { store, bucket } = given();
    const key = await putObject(given(), Buffer.from("x"));
    await store.delete(bucket, key);
    await store.delete(bucket, key);
    expect(await store.head(bucket, key)).to.equal(undefined);
  });

  it("ends a read with the reason of its signal", async () => {
    const { store, bucket } = given();
    const key = await putObject(given(), Buffer.from("x"));
    const signal = AbortSignal.abort(new Error("nobody listens"));
    expect(await store.read(bucket, key, { signal }).catch((error) => error)).to.equal(signal.reason);
  });
}

function presignContract(given: () => ObjectStoreSubject): void {
  const disposition = `attachment; filename="a b.txt"; filename*=UTF-8''%C3%BC.txt`;
  const sign = (store: ObjectStore, key: string, lifetimeMs: number) =>
    store.presignDownload(given().bucket, key, {
      lifetimeMs,
      contentType: "text/csv",
      contentDisposition: disposition,
    });

  it("gives the bytes, under the type and name that were signed", async () => {
    const key = await putObject(given(), Buffer.from("hello"));
    const answer = await given().download(await sign(given().store, key, 60_000));
    expect(answer.status).to.equal(200);
    expect(answer.bytes.toString()).to.equal("hello");
    expect(answer.headers).to.deep.equal({ disposition, contentType: "text/csv" });
  });

  it("says that nothing is there", async () => {
    const answer = await given().download(await sign(given().store, nextKey(), 60_000));
    expect(answer.status).to.equal(404);
  });

  it("refuses a changed URL and a wrong secret", async () => {
    const key = await putObject(given(), Buffer.from("hello"));
    const changed = (await sign(given().store, key, 60_000)).replace(/Expires=\d+/, "Expires=86400");
    expect((await given().download(changed)).status).to.equal(403);
    const forged = await sign(given().withWrongSecret, key, 60_000);
    expect((await given().download(forged)).status).to.equal(403);
  });

  it("signs no URL whose lifetime S3 would not count as it is", async () => {
    for (const lifetimeMs of [0, 999, 1500, 604_801_000]) {
      const error = await sign(given().store, nextKey(), lifetimeMs).catch((caught) => caught);
      expect(error, `${lifetimeMs} ms`).to.be.instanceOf(RangeError);
    }
  });

  it("ends with its lifetime", async () => {
    const key = await putObject(given(), Buffer.from("hello"));
    const url = await sign(given().store, key, 1000);
    const refused = await until("the URL has ended", async () => {
      const { status } = await given().download(url);
      return status !== 200 && status;
    });
    expect(refused).to.equal(403);
  });
}

function bucketContract(given: () => ObjectStoreSubject): void {
  it("answers", async () => {
    await given().store.checkBucket(given().bucket);
  });

  it("says in which region it lies", async () => {
    expect(await given().store.readBucketRegion(given().bucket)).to.equal(given().region);
  });

  it("is refused when there is none of its name", async () => {
    for (const asking of [
      given().store.checkBucket("no-such-bucket"),
      given().store.readBucketRegion("no-such-bucket"),
    ])
      await expectRefusal(asking, ["unavailable", "STORAGE_UNAVAILABLE"]);
  });

  it("refuses a secret that storage does not know", async () => {
    const checking = given().withWrongSecret.checkBucket(given().bucket);
    await expectRefusal(checking, ["unavailable", "STORAGE_UNAVAILABLE"]);
  });
}

/** The parts as Complete gets them, ascending. */
export function toManifest(parts: readonly DurablePart[]): { parts: DurablePart[]; crc32: number; sizeBytes: number } {
  return {
    parts: [...parts],
    crc32: parts.reduce((crc, part) => combineCrc32(crc, part.crc32, part.lengthBytes), 0),
    sizeBytes: parts.reduce((sum, part) => sum + part.lengthBytes, 0),
  };
}

/** Expects a DomainError of that code and reason, and returns it. */
export async function expectRefusal(
  work: Promise<unknown> | BodyInFlight["done"],
  [code, reason]: [ErrorCode, ErrorReason],
): Promise<DomainError> {
  const error = await work.then(
    () => expect.fail(`nothing was refused; expected ${reason}`),
    (refusal: unknown) => refusal,
  );
  if (!(error instanceof DomainError)) throw error;
  expect({ code: error.code, reason: error.reason }, error.message).to.deep.equal({ code, reason });
  return error;
}

/** 16 at a time. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
