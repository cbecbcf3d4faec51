import { once } from "node:events";
import { connect } from "node:net";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import type { Fault } from "./faults.ts";
import type { Operation } from "./protocol/operation.ts";
import { codeOf, TestRig } from "./test-rig.ts";

const Bucket = TestRig.bucket;
const Key = "k";

describe("scripted faults of the development S3 server", () => {
  let rig: TestRig;
  beforeEach(async () => {
    rig = await TestRig.start();
  });
  afterEach(() => rig.dispose());

  const script = (operation: Operation, fault: Fault) => rig.server.faults.add({ operation, fault });
  const put = (Body: string | Buffer = "hello") => rig.client.send(new PutObjectCommand({ Bucket, Key, Body }));
  const get = async () => (await rig.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
  const exists = async () => (await codeOf(rig.client.send(new HeadObjectCommand({ Bucket, Key })))) === "none";

  it("answers a status and code without doing anything, as often as told", async () => {
    rig.server.faults.add({
      operation: "PutObject",
      times: 2,
      fault: { kind: "status", status: 503, code: "SlowDown" },
    });
    for (const _ of [1, 2]) {
      const error = await put().catch((caught) => caught);
      expect(error.name).to.equal("SlowDown");
      expect(error.$metadata.httpStatusCode).to.equal(503);
      expect(await exists()).to.equal(false);
    }
    await put();
    expect(await get()).to.equal("hello");
    expect(rig.server.requestCount("PutObject")).to.equal(3);
    expect(rig.server.requestCount("CopyObject")).to.equal(0);
  });

  it("does the work after the latency", async () => {
    script("PutObject", { kind: "latency", ms: 20 });
    await put();
    expect(await exists()).to.equal(true);
  });

  it("holds a request until it is released, or its client is gone", async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const abort = new AbortController();
    const fault: Fault = { kind: "hold", released };
    rig.server.faults.add({ operation: "PutObject", times: 2, fault });
    const gone = rig.client.send(new PutObjectCommand({ Bucket, Key, Body: "gone" }), { abortSignal: abort.signal });
    while (rig.server.faults.pending === 2) await new Promise((resolve) => setImmediate(resolve));
    const held = put();
    while (rig.server.faults.pending === 1) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await codeOf(gone)).to.equal("AbortError");
    expect(await exists()).to.equal(false);
    release();
    await held;
    expect(await get()).to.equal("hello");
  });

  it("drops the work when the client does not wait for the latency", async () => {
    script("PutObject", { kind: "latency", ms: 60_000 });
    const abort = new AbortController();
    const putting = rig.client.send(new PutObjectCommand({ Bucket, Key, Body: "x" }), { abortSignal: abort.signal });
    while (rig.server.requestCount("PutObject") === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    expect(await codeOf(putting)).to.equal("AbortError");
    expect(await exists()).to.equal(false);
  });

  it("cuts a request in the middle of its body and keeps nothing of it", async () => {
    script("PutObject", { kind: "cut-request", afterBytes: 100_000 });
    expect(await codeOf(put(Buffer.alloc(1_000_000)))).to.be.oneOf(["ECONNRESET", "EPIPE", "Error", "TimeoutError"]);
    expect(await exists()).to.equal(false);
    await put();
  });

  it("cuts an answer in the middle of an object", async () => {
    await put(Buffer.alloc(4_000_000, "x"));
    script("GetObject", { kind: "cut-response" });
    expect(await codeOf(get())).to.not.equal("none");
    expect(await get()).to.have.length(4_000_000);
  });

  it("cuts other answers after doing the work", async () => {
    script("PutObject", { kind: "cut-response" });
    expect(await codeOf(put())).to.not.equal("none");
    expect(await exists()).to.equal(true);
    script("ListBuckets", { kind: "cut-response" });
    const cut = await rig.send({ method: "GET", path: "/" }).catch((error) => error);
    expect(cut).to.be.instanceOf(Error);
  });

  it("answers 200 with an error document at Complete, and the upload goes on", async () => {
    const { UploadId } = await rig.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const { ETag } = await rig.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "x" }));
    const complete = () =>
      rig.client.send(
        new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts: [{ ETag, PartNumber: 1 }] },
        }),
      );
    script("CompleteMultipartUpload", { kind: "error-in-200", code: "InternalError" });
    expect(await codeOf(complete())).to.equal("InternalError");
    expect(await exists()).to.equal(false);
    script("CompleteMultipartUpload", { kind: "lost-response" });
    expect(await codeOf(complete())).to.not.equal("none");
    expect(await exists()).to.equal(true);
    expect((await complete()).Key).to.equal(Key);
  });

  it("loses the answer of a read without harm", async () => {
    await put();
    script("GetObject", { kind: "lost-response" });
    expect(await codeOf(get())).to.not.equal("none");
    expect(await get()).to.equal("hello");
  });

  it("states a wrong ETag for a part that is stored under another", async () => {
    const { UploadId } = await rig.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    rig.server.faults.add({
      operation: "UploadPart",
      match: { key: /^k$/, partNumber: 2 },
      fault: { kind: "wrong-etag" },
    });
    const part = async (PartNumber: number) =>
      (await rig.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: "x" }))).ETag;
    expect(await part(1)).to.not.contain("0000000000000000");
    expect(await part(2)).to.contain("0000000000000000");
    const Parts = [{ PartNumber: 2, ETag: `"${"0".repeat(32)}"` }];
    const complete = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
    expect(await codeOf(rig.client.send(complete))).to.equal("InvalidPart");
  });

  it("hangs without reading or answering, until the client closes", async () => {
    script("PutObject", { kind: "hang" });
    const headers = await rig.sign({ method: "PUT", path: `/${Bucket}/${Key}`, headers: { "content-length": "5" } });
    const socket = connect(rig.server.port, "127.0.0.1");
    let heard = 0;
    socket.on("data", (piece) => {
      heard += piece.length;
    });
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.write(`PUT /${Bucket}/${Key} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\nhello`);
    while (rig.server.faults.pending > 0) await new Promise((resolve) => setImmediate(resolve));
    socket.end();
    socket.destroy();
    await once(socket, "close");
    expect(heard).to.equal(0);
    expect(await exists()).to.equal(false);
  });

  it("closes at once while a request hangs", async () => {
    script("PutObject", { kind: "hang" });
    const outcome = codeOf(put());
    while (rig.server.faults.pending > 0) await new Promise((resolve) => setImmediate(resolve));
    await rig.server.close();
    expect(await outcome).to.not.equal("none");
    rig = await TestRig.start({ directory: rig.directory });
  });
});
