import { expect } from "chai";
import type { Fault } from "../../devstack/s3-server/faults.ts";
import type { Operation } from "../../devstack/s3-server/protocol/operation.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { expectRefusal, toManifest } from "../../testing/contracts/objects/object-store-contract.ts";
import { type DevS3, startDevS3 } from "../../testing/rigs/storage/dev-s3.ts";
import { beginUpload, readObject, sampleBytes, sendPart } from "../../testing/rigs/storage/object-store-subject.ts";
import { createTestAccess } from "../../testing/rigs/storage/s3-subject.ts";
import { createObjectStore } from "../object-store.ts";

const bucket = "bucket";
const BYTES = sampleBytes(1000);

describe("completing a multipart upload", () => {
  let s3: DevS3;
  let store: ObjectStore;
  let close: () => void;
  before(async () => {
    s3 = await startDevS3();
  });
  after(() => s3.stop());
  beforeEach(() => {
    const opened = createTestAccess(s3.endpoint);
    store = createObjectStore(() => opened.access);
    close = opened.close;
  });
  afterEach(() => {
    expect(s3.server.faults.pending, "faults that did not strike").to.equal(0);
    close();
  });

  const script = (operation: Operation, fault: Fault, times = 1) => s3.server.faults.add({ operation, times, fault });
  const begin = async () => {
    const target = await beginUpload({ store, bucket });
    const part = await sendPart(store, { ...target, partNumber: 1 }, BYTES);
    const complete = (signal?: AbortSignal) =>
      store.completeMultipart(target, toManifest([part]), signal === undefined ? {} : { signal });
    return { target, part, complete };
  };

  const passing: [string, Fault][] = [
    ["500 InternalError", { kind: "status", status: 500, code: "InternalError" }],
    ["503 SlowDown", { kind: "status", status: 503, code: "SlowDown" }],
    ["a 200 that carries an error", { kind: "error-in-200", code: "InternalError" }],
    ["a 200 that carries SlowDown", { kind: "error-in-200", code: "SlowDown" }],
    ["a lost answer", { kind: "lost-response" }],
    ["an answer cut in the middle", { kind: "cut-response" }],
    ["a cut request", { kind: "cut-request", afterBytes: 1 }],
  ];
  for (const [name, fault] of passing) {
    it(`goes on after ${name}`, async () => {
      const { target, complete } = await begin();
      script("CompleteMultipartUpload", fault, 2);
      expect(await complete()).to.include({ sizeBytes: BYTES.length });
      expect(await readObject({ store, bucket }, target.key)).to.deep.equal(BYTES);
      expect(await store.listParts(target)).to.equal(undefined);
    });
  }

  it("finds what an earlier try has made, when S3 no longer knows the upload", async () => {
    const { target, complete } = await begin();
    const first = await complete();
    script("CompleteMultipartUpload", { kind: "status", status: 404, code: "NoSuchUpload" });
    expect(await complete()).to.deep.equal(first);
    expect(await store.head(bucket, target.key)).to.deep.equal(first);
  });

  it("asks again while S3 has neither the upload nor its object: it may be assembling", async () => {
    const { complete } = await begin();
    script("CompleteMultipartUpload", { kind: "status", status: 404, code: "NoSuchUpload" }, 2);
    expect(await complete()).to.include({ sizeBytes: BYTES.length });
  });

  it("leaves it open whether it worked when S3 stops answering", async () => {
    const { target, complete } = await begin();
    script("CompleteMultipartUpload", { kind: "status", status: 404, code: "NoSuchUpload" });
    script("HeadObject", { kind: "status", status: 503, code: "SlowDown" }, 4);
    await expectRefusal(complete(), ["unavailable", "STORAGE_UNAVAILABLE"]);
    script("CompleteMultipartUpload", { kind: "status", status: 500, code: "InternalError" }, 4);
    const error = await expectRefusal(complete(), ["unavailable", "STORAGE_UNAVAILABLE"]);
    expect(error.retryAfterMs).to.equal(1000);
    expect(await store.listParts(target)).to.have.lengthOf(1);
    expect(await complete()).to.include({ sizeBytes: BYTES.length });
  });

  it("ends with the reason of a signal while S3 keeps silent", async () => {
    const { complete } = await begin();
    script("CompleteMultipartUpload", { kind: "hang" });
    const controller = new AbortController();
    const completing = complete(controller.signal).catch((error) => error);
    while (s3.server.faults.pending > 0) await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error("shutting down");
    controller.abort(reason);
    expect(await completing).to.equal(reason);
    expect(await complete()).to.include({ sizeBytes: BYTES.length });
  });

  describe("aborting one", () => {
    it("goes on until S3 knows nothing of it", async () => {
      const { target } = await begin();
      script("AbortMultipartUpload", { kind: "status", status: 503, code: "SlowDown" });
      script("ListParts", { kind: "status", status: 500, code: "InternalError" });
      await store.abortMultipart(target);
      expect(await store.listParts(target)).to.equal(undefined);
    });

    it("aborts again while parts remain that were in flight", async () => {
      const { target } = await begin();
      // Nothing is aborted: ListParts then shows the parts as if one had landed late.
      script("AbortMultipartUpload", { kind: "status", status: 204, code: "None" });
      await store.abortMultipart(target);
      expect(await store.listParts(target)).to.equal(undefined);
    });

    it("says when it could not", async () => {
      const { target } = await begin();
      script("AbortMultipartUpload", { kind: "status", status: 500, code: "InternalError" }, 4);
      await expectRefusal(store.abortMultipart(target), ["unavailable", "STORAGE_UNAVAILABLE"]);
      expect(await store.listParts(target)).to.have.lengthOf(1);
      await store.abortMultipart(target);
    });
  });
});
