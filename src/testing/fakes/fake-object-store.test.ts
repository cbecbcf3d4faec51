import { crc32 } from "node:zlib";
import { expect } from "chai";
import { objectStoreContract, toManifest } from "../contracts/objects/object-store-contract.ts";
import { fromNow } from "../rigs/from-now.ts";
import { beginUpload, PART_MIN_BYTES, sampleBytes, send, sendPart } from "../rigs/storage/object-store-subject.ts";
import { FakeObjectStore } from "./fake-object-store.ts";

objectStoreContract("FakeObjectStore", async () => {
  let timeMs = fromNow(-60_000).getTime();
  // Time passes with each reading of the clock: a presigned URL ends without waiting.
  const now = () => (timeMs += 10);
  const store = new FakeObjectStore({
    partMinBytes: PART_MIN_BYTES,
    now,
    buckets: { bucket: "eu-central-1", versioned: "eu-central-1", locked: "eu-central-1" },
    versionedBuckets: ["versioned"],
    lockedBuckets: ["locked"],
  });
  const withWrongSecret = new FakeObjectStore({ buckets: {}, secret: "not-the-secret", now });
  return {
    store,
    withLayout: () => store,
    withWrongSecret,
    bucket: "bucket",
    versionedBucket: "versioned",
    lockedBucket: "locked",
    region: "eu-central-1",
    download: async (url) => {
      const { status, bytes, contentType, contentDisposition: disposition } = store.download(url);
      return { status, bytes, headers: { disposition, contentType } };
    },
    upload: async (url, headers, bytes) => store.upload(url, headers, bytes),
    close: async () => undefined,
  };
});

describe("the faults of FakeObjectStore", () => {
  const bucket = "bucket";
  let store: FakeObjectStore;
  beforeEach(() => {
    store = new FakeObjectStore();
  });
  afterEach(() => {
    expect(store.faults.pending).to.equal(0);
    expect(store.bodiesInFlight).to.equal(0);
  });
  const put = (beginAttempt: () => Promise<string>) =>
    send(store.beginPut({ bucket, contentType: "text/plain", beginAttempt }, 5), Buffer.from("hello"));

  const untilStruck = async () => {
    while (store.faults.pending > 0) await new Promise((resolve) => setImmediate(resolve));
  };

  it("fails a part as often as told, and others not", async () => {
    const target = await beginUpload({ store, bucket });
    store.faults.add("part", { kind: "fail" }, { partNumber: 2, times: 2 });
    await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
    for (const _ of [1, 2]) {
      const error = await sendPart(store, { ...target, partNumber: 2 }, sampleBytes(10)).catch((caught) => caught);
      expect(error).to.include({ reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000 });
    }
    await sendPart(store, { ...target, partNumber: 2 }, sampleBytes(10));
    expect(await store.listParts(target)).to.have.lengthOf(2);
  });

  it("sends a put again under a fresh key, unseen", async () => {
    let attempts = 0;
    store.faults.add("put", { kind: "retry" }, { times: 2 });
    const ack = await put(async () => `k.${++attempts}`);
    expect(ack.key).to.equal("k.3");
    expect(store.keys).to.deep.equal(["k.3"]);
  });

  it("stores a body, but loses or falsifies the answer", async () => {
    store.faults.add("put", { kind: "lost-answer", error: new Error("gone") }, { key: /^a/ });
    store.faults.add("put", { kind: "wrong-etag" }, { key: /^b/ });
    expect(await put(async () => "a").catch((error) => error.message)).to.equal("gone");
    expect((await put(async () => "b")).etag).to.equal("0".repeat(32));
    expect(store.bytesOf(bucket, "a")?.toString()).to.equal("hello");
    expect((await store.head(bucket, "b"))?.etag).to.not.equal("0".repeat(32));
  });

  it("hangs until it is aborted", async () => {
    store.faults.add("put", { kind: "hang" });
    const body = store.beginPut({ bucket, contentType: "text/plain", beginAttempt: async () => "k" }, 1);
    body.write(Buffer.from("x"));
    body.end(crc32("x"));
    await untilStruck();
    expect(store.bodiesInFlight).to.equal(1);
    body.abort(new Error("enough"));
    expect(await body.done.catch((error) => error.message)).to.equal("enough");
    const controller = new AbortController();
    store.faults.add("read", { kind: "hang" });
    const reading = store.read(bucket, "k", { signal: controller.signal }).catch((error) => error);
    await untilStruck();
    controller.abort(new Error("no longer"));
    expect((await reading).message).to.equal("no longer");
  });

  it("hangs until it is released, and then goes on", async () => {
    const hang = store.faults.add("put", { kind: "hang" });
    const sending = put(async () => "k");
    hang.release();
    await sending;
    expect(store.keys).to.deep.equal(["k"]);
  });

  it("loses the answer of a completion that worked; the next one sees that", async () => {
    const target = await beginUpload({ store, bucket });
    const part = await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
    store.faults.add("completeMultipart", { kind: "lost-answer" });
    const complete = () => store.completeMultipart(target, toManifest([part]));
    expect(await complete().catch((error) => error.reason)).to.equal("STORAGE_UNAVAILABLE");
    expect(store.pendingMultiparts).to.deep.equal([]);
    expect(await complete()).to.include({ sizeBytes: 10 });
  });

  it("sees that a part's bytes are not those that were recorded", async () => {
    const target = await beginUpload({ store, bucket });
    const part = await sendPart(store, { ...target, partNumber: 1 }, sampleBytes(10));
    const manifest = { ...toManifest([part]), parts: [{ ...part, crc32: 1 }] };
    const error = await store.completeMultipart(target, manifest).catch((caught) => caught);
    expect(error.reason).to.equal("CHECKSUM_MISMATCH");
  });

  it("strikes by a seeded sequence, until it is cleared", async () => {
    const sequence = [0.05, 0.5, 0.09, 0.9].values();
    store.faults.addRandom("head", { kind: "fail" }, { share: 0.1, random: () => sequence.next().value ?? 1 });
    const outcomes: string[] = [];
    for (let call = 0; call < 4; call++) {
      outcomes.push(
        await store.head(bucket, "k").then(
          () => "fine",
          () => "struck",
        ),
      );
    }
    expect(outcomes).to.deep.equal(["struck", "fine", "struck", "fine"]);
    store.faults.add("head", { kind: "fail" }, { times: 3 });
    store.faults.clear();
    expect(await store.head(bucket, "k")).to.equal(undefined);
  });

  it("is overwritten from outside", async () => {
    await put(async () => "k");
    store.overwrite(bucket, "k", Buffer.from("rotten"));
    expect(await store.head(bucket, "k")).to.include({ sizeBytes: 6 });
  });
});
