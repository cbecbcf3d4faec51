import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { Fault } from "../devstack/s3-server/faults.ts";
import type { DomainError } from "../domain/errors.ts";
import type { BodyInFlight, PartTarget } from "../domain/object-store.ts";
import { expectRefusal, toManifest } from "../testing/contracts/objects/object-store-contract.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import {
  beginUpload,
  nextKey,
  readObject,
  sampleBytes,
  send,
  sendPart,
} from "../testing/rigs/storage/object-store-subject.ts";
import { createTestAccess, TEST_BODY_POLICY } from "../testing/rigs/storage/s3-subject.ts";
import type { ReplayableBodyPolicy } from "./bodies/replayable-body.ts";
import { createObjectStore } from "./object-store.ts";

const BYTES = sampleBytes(300_000);
const bucket = "bucket";

describe("a body in flight to S3", () => {
  let s3: DevS3;
  let opened: ReturnType<typeof createTestAccess>[];
  before(async () => {
    s3 = await startDevS3({ bodyIdleTimeoutMs: 5000 });
  });
  after(() => s3.stop());
  beforeEach(() => {
    opened = [];
  });
  afterEach(async () => {
    expect(s3.server.faults.pending, "faults that did not strike").to.equal(0);
    for (const { connections, close } of opened) {
      await until(() => Object.keys(connections.httpAgent.sockets).length === 0);
      expect(connections.httpAgent.requests).to.deep.equal({});
      close();
    }
  });

  const open = (body: Partial<ReplayableBodyPolicy> = {}) => {
    const one = createTestAccess(s3.endpoint, { body });
    opened.push(one);
    return { store: createObjectStore(() => one.access), bucket };
  };
  const script = (fault: Fault, times = 1) => s3.server.faults.add({ operation: "UploadPart", times, fault });
  const begin = async (body: Partial<ReplayableBodyPolicy> = {}) => {
    const { store } = open(body);
    const target = { ...(await beginUpload({ store, bucket })), partNumber: 1 };
    return { store, target, requests: countRequests() };
  };
  const countRequests = () => {
    const before = s3.server.requestCount("UploadPart");
    return () => s3.server.requestCount("UploadPart") - before;
  };
  /** Completes the upload of one part, and compares the stored object with it. */
  const expectStored = async (
    store: ReturnType<typeof open>["store"],
    target: PartTarget,
    etag: string,
    bytes = BYTES,
  ) => {
    const part = { partNumber: 1, lengthBytes: bytes.length, crc32: crc32(bytes), etag };
    await store.completeMultipart(target, toManifest([part]));
    expect((await readObject({ store, bucket }, target.key)).equals(bytes)).to.equal(true);
  };

  const passing: [string, Fault, number][] = [
    ["500 InternalError", { kind: "status", status: 500, code: "InternalError" }, 2],
    ["503 SlowDown", { kind: "status", status: 503, code: "SlowDown" }, 3],
    ["400 RequestTimeout", { kind: "status", status: 400, code: "RequestTimeout" }, 1],
    ["a connection cut in the middle of the body", { kind: "cut-request", afterBytes: 100_000 }, 2],
    ["a connection cut before the answer", { kind: "lost-response" }, 2],
    ["an answer cut in the middle", { kind: "cut-response" }, 2],
    ["BadDigest, though the bytes are clean", { kind: "status", status: 400, code: "BadDigest" }, 2],
  ];
  for (const [name, fault, times] of passing) {
    it(`is sent again after ${name}`, async () => {
      const { store, target, requests } = await begin();
      script(fault, times);
      const { etag } = await send(store.beginPart(target, BYTES.length), BYTES);
      expect(requests()).to.equal(times + 1);
      await expectStored(store, target, etag);
    });
  }

  it("is sent again when no answer comes in time", async () => {
    const { store, target, requests } = await begin({ answerTimeoutMs: 100 });
    script({ kind: "hang" });
    const { etag } = await send(store.beginPart(target, 100), BYTES.subarray(0, 100));
    expect(requests()).to.equal(2);
    await expectStored(store, target, etag, BYTES.subarray(0, 100));
  });

  it("fails when no try is left", async () => {
    const { store, target, requests } = await begin();
    script({ kind: "status", status: 503, code: "SlowDown" }, 4);
    const sending = send(store.beginPart(target, BYTES.length), BYTES);
    const error = await expectRefusal(sending, ["unavailable", "STORAGE_UNAVAILABLE"]);
    expect(error.retryAfterMs).to.equal(1000);
    expect(requests()).to.equal(4);
    await store.abortMultipart(target);
  });

  it("fails at once when S3 refuses, before it has read the body", async () => {
    for (const [code, reason] of [
      ["AccessDenied", "STORAGE_UNAVAILABLE"],
      ["NoSuchUpload", "UPLOAD_LOST"],
    ] as const) {
      const { store, target, requests } = await begin();
      script({ kind: "status", status: 403, code });
      // The rest of the body never comes: the refusal alone must settle it.
      const body = store.beginPart(target, BYTES.length);
      body.write(BYTES.subarray(0, 100_000));
      const error = (await body.done.catch((caught) => caught)) as DomainError;
      expect(error.reason).to.equal(reason);
      body.write(BYTES.subarray(100_000));
      body.end(crc32(BYTES));
      expect(requests()).to.equal(1);
      expect(await store.listParts(target)).to.deep.equal([]);
      await store.abortMultipart(target);
    }
  });

  it("goes on by another connection when S3 answers early that it is busy", async () => {
    const { store, target, requests } = await begin();
    script({ kind: "status", status: 503, code: "SlowDown" }, 2);
    const body = store.beginPart(target, BYTES.length);
    body.write(BYTES.subarray(0, 150_000));
    await until(() => requests() === 3);
    body.write(BYTES.subarray(150_000));
    body.end(crc32(BYTES));
    const { etag } = await body.done;
    await expectStored(store, target, etag);
  });

  it("does not send wrong bytes again", async () => {
    const { store, target, requests } = await begin();
    const body = store.beginPart(target, BYTES.length);
    body.write(BYTES);
    body.end(crc32("other"));
    await expectRefusal(body.done, ["aborted", "CHECKSUM_MISMATCH"]);
    expect(requests()).to.equal(1);
    expect(await store.listParts(target)).to.deep.equal([]);
  });

  it("is believed with the ETag that S3 states, and Complete finds the lie out", async () => {
    const { store, target } = await begin();
    script({ kind: "wrong-etag" });
    const { etag } = await send(store.beginPart(target, BYTES.length), BYTES);
    const part = { partNumber: 1, lengthBytes: BYTES.length, crc32: crc32(BYTES), etag };
    await expectRefusal(store.completeMultipart(target, toManifest([part])), ["aborted", "CHECKSUM_MISMATCH"]);
    const [actual] = (await store.listParts(target)) ?? [];
    await expectStored(store, target, actual?.etag ?? "");
  });

  it("is dropped while its caller is silent, and sent when it is whole", async () => {
    const { store, target, requests } = await begin({
      idleTimeoutMs: 50,
      retry: { ...TEST_BODY_POLICY.retry, triesMax: 1 },
    });
    const body = store.beginPart(target, BYTES.length);
    body.write(BYTES.subarray(0, 100_000));
    const connections = opened.at(-1)!.connections;
    await until(() => requests() === 1 && Object.keys(connections.httpAgent.sockets).length === 0);
    body.write(BYTES.subarray(100_000));
    body.end(crc32(BYTES));
    const { etag } = await body.done;
    expect(requests()).to.equal(2);
    expect(body.kept.pieces).to.deep.equal([]);
    await expectStored(store, target, etag);
  });

  it("is sent again with its true length when it ends short", async () => {
    const { store, target, requests } = await begin();
    const body = store.beginPart(target, 1_000_000);
    body.write(BYTES);
    await until(() => requests() === 1);
    body.end(crc32(BYTES));
    const { etag } = await body.done;
    expect(requests()).to.equal(2);
    await expectStored(store, target, etag);
  });

  it("takes a fresh key for each attempt to put it", async () => {
    const { store } = open();
    const base = nextKey();
    let attempts = 0;
    s3.server.faults.add({ operation: "PutObject", fault: { kind: "lost-response" } });
    s3.server.faults.add({ operation: "PutObject", fault: { kind: "status", status: 500, code: "InternalError" } });
    const beginAttempt = async () => `${base}.${++attempts}`;
    const ack = await send(store.beginPut({ bucket, contentType: "text/csv", beginAttempt }, 5), Buffer.from("hello"));
    expect(ack.key).to.equal(`${base}.3`);
    expect(await store.head(bucket, `${base}.1`)).to.include({ sizeBytes: 5 });
    expect(await store.head(bucket, `${base}.2`)).to.equal(undefined);
  });

  describe("when it is aborted", () => {
    const reason = new Error("the caller hung up");
    const abortAndSettle = async (body: BodyInFlight) => {
      body.abort(reason);
      expect(await body.done.catch((error) => error)).to.equal(reason);
    };

    it("settles while bytes are on their way", async () => {
      const { store, target, requests } = await begin();
      const body = store.beginPart(target, BYTES.length);
      body.write(BYTES.subarray(0, 200_000));
      await until(() => requests() === 1);
      await abortAndSettle(body);
      expect(await store.listParts(target)).to.deep.equal([]);
      await store.abortMultipart(target);
    });

    it("settles while the answer is waited for", async () => {
      const { store, target } = await begin();
      script({ kind: "hang" });
      const body = store.beginPart(target, 5);
      body.write(Buffer.from("hello"));
      body.end(crc32("hello"));
      await until(() => s3.server.faults.pending === 0);
      await abortAndSettle(body);
      await store.abortMultipart(target);
    });

    it("settles while the next try is waited for", async () => {
      const retry = { triesMax: 5, baseDelayMs: 60_000, delayMaxMs: 60_000, timeMaxMs: 600_000, random: () => 0.99 };
      const { store, target, requests } = await begin({ retry });
      script({ kind: "status", status: 500, code: "InternalError" });
      const body = store.beginPart(target, 5);
      body.write(Buffer.from("hello"));
      body.end(crc32("hello"));
      await until(() => requests() === 1 && Object.keys(opened.at(-1)!.connections.httpAgent.sockets).length === 0);
      await abortAndSettle(body);
      await store.abortMultipart(target);
    });

    it("settles while a put may not begin yet", async () => {
      const { store } = open();
      const begun = Promise.withResolvers<string>();
      const body = store.beginPut({ bucket, contentType: "text/plain", beginAttempt: () => begun.promise }, 5);
      body.write(Buffer.from("hello"));
      body.abort(reason);
      begun.resolve(nextKey());
      expect(await body.done.catch((error) => error)).to.equal(reason);
    });
  });

  it("is not even sent while the breaker is open, and is again when S3 is well", async () => {
    const breaker = { requestsMin: 3, failurePercentMax: 50, openMs: 100 };
    const one = createTestAccess(s3.endpoint, { breaker, body: { retry: { ...TEST_BODY_POLICY.retry, triesMax: 3 } } });
    opened.push(one);
    const store = createObjectStore(() => one.access);
    const target = { ...(await beginUpload({ store, bucket })), partNumber: 1 };
    const requests = countRequests();
    const attempt = () => sendPart(store, target, BYTES);
    script({ kind: "status", status: 503, code: "SlowDown" }, 3);
    await expectRefusal(attempt(), ["unavailable", "STORAGE_UNAVAILABLE"]);
    const error = await expectRefusal(attempt(), ["unavailable", "STORAGE_UNAVAILABLE"]);
    expect(error.retryAfterMs).to.equal(1000);
    expect(requests()).to.equal(3);
    let part = await attempt().catch(() => undefined);
    while (part === undefined) part = await attempt().catch(() => undefined);
    expect(requests()).to.equal(4);
    await expectStored(store, target, part.etag);
  });

  describe("that is not kept", () => {
    const failing: [string, Fault][] = [
      ["503 SlowDown", { kind: "status", status: 503, code: "SlowDown" }],
      ["a connection cut in the middle of the body", { kind: "cut-request", afterBytes: 100_000 }],
      ["a connection cut before the answer", { kind: "lost-response" }],
      ["BadDigest", { kind: "status", status: 400, code: "BadDigest" }],
      ["no answer in time", { kind: "hang" }],
    ];
    for (const [name, fault] of failing) {
      it(`fails after ${name}, without another try, and can be sent again`, async () => {
        const { store, target, requests } = await begin({ answerTimeoutMs: 100 });
        script(fault);
        const sending = send(
          store.beginOneShotPart(target, BYTES.length, () => {}),
          BYTES,
        );
        await expectRefusal(sending, ["unavailable", "STORAGE_UNAVAILABLE"]);
        expect(requests()).to.equal(1);
        const { etag } = await send(
          store.beginOneShotPart(target, BYTES.length, () => {}),
          BYTES,
        );
        await expectStored(store, target, etag);
      });
    }

    it("lets go of bytes that have left while others still come", async () => {
      const { store, target } = await begin();
      const gc = await exposeGc();
      const seen: WeakRef<ArrayBuffer>[] = [];
      let leftBytes = 0;
      const onLeft = (bytes: number) => {
        leftBytes = bytes;
      };
      const body = store.beginOneShotPart(target, 2_000_001, onLeft);
      const writeOne = () => {
        const bytes = new Uint8Array(1_000_000).fill(7);
        seen.push(new WeakRef(bytes.buffer));
        body.write(bytes);
      };
      writeOne();
      writeOne();
      await until(() => leftBytes === 2_000_000);
      for (let round = 0; round < 20 && seen[0]?.deref() !== undefined; round++) {
        await new Promise((resolve) => setImmediate(resolve));
        gc();
      }
      expect(seen[0]?.deref()).to.equal(undefined);
      body.abort(new Error("enough"));
      await body.done.catch(() => {});
      await store.abortMultipart(target);
    });
  });

  it("lets go of its bytes once it is acknowledged", async () => {
    const { store, target } = await begin();
    const gc = await exposeGc();
    const seen: WeakRef<ArrayBuffer>[] = [];
    const sendOnce = async () => {
      const bytes = new Uint8Array(1_000_000).fill(7);
      seen.push(new WeakRef(bytes.buffer));
      await sendPart(store, target, bytes);
    };
    await sendOnce();
    for (let round = 0; round < 20 && seen[0]?.deref() !== undefined; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    expect(seen[0]?.deref()).to.equal(undefined);
    await store.abortMultipart(target);
  });
});

/** Waits for the work of another task; mocha's time-out bounds the wait. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

/** The garbage collector of a process that was not started with --expose-gc. */
async function exposeGc(): Promise<() => void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
