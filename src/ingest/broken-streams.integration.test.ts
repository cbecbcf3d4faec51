import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { encodeRequest, RawConnection } from "../testing/rigs/uploads/raw-write-call.ts";
import { expectRefused, type Refusal, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const STALL_MS = 1_000;
const stalled: Refusal = { code: 10, reason: "STALLED", says: `${STALL_MS} ms` };

describe("A WriteUpload stream that breaks", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({ settings: { SLUICE_STALL_TIMEOUT_MS: String(STALL_MS) } });
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(5 * PART_BYTES);
  const durableBytes = 2 * PART_BYTES;
  /** A stream with two durable parts and some bytes of the third. */
  const begin = async (connection = rig.connect()) => {
    const call = rig.create({ sizeBytes: BigInt(bytes.length) }, connection);
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, durableBytes + 100));
    await call.durable(durableBytes);
    return { call, uploadId };
  };
  /** Expects the durable bytes kept, and completes. */
  const expectKept = async (uploadId: string) => {
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    const upload = await rig.client.getUpload(uploadId);
    expect(Number(upload.durableOffset)).to.equal(durableBytes);
    expect(upload.durableCrc32).to.equal(crc32(bytes.subarray(0, durableBytes)));
    await rig.complete(uploadId, bytes);
  };

  it("by a half-close without finish commits nothing and loses nothing durable", async () => {
    const { call, uploadId } = await begin();
    const says = "the stream ended without finish: nothing is committed";
    const metadata = { upload_id: uploadId, durable_offset: String(durableBytes) };
    await expectRefused(call.end(), { code: 3, reason: "SEQUENCE_INVALID", says, metadata });
    await expectKept(uploadId);
  });

  it("by a half-close in the middle of a message says so", async () => {
    const { call, uploadId } = await begin();
    const frame = encodeRequest({ chunk: { offset: BigInt(durableBytes + 100), data: seededBytes(1000) } });
    call.send(frame.subarray(0, 500)).end();
    await expectRefused(call, { code: 3, reason: "SEQUENCE_INVALID", says: "in the middle of a message" });
    await expectKept(uploadId);
  });

  it("by a half-close right after start says so", async () => {
    const call = rig.create().end();
    await expectRefused(call, { code: 3, reason: "SEQUENCE_INVALID", says: "without finish" });
  });

  it("because its caller is gone in the middle of a chunk", async () => {
    const connection = new RawConnection(rig.service.url);
    const { call, uploadId } = await begin(connection);
    const frame = encodeRequest({ chunk: { offset: BigInt(durableBytes + 100), data: seededBytes(30_000) } });
    await new Promise((resolve) => call.stream.write(frame.subarray(0, 20_000), resolve));
    connection.cut();
    await expectKept(uploadId);
  });

  it("because its caller resets it", async () => {
    const { call, uploadId } = await begin();
    call.reset();
    await expectKept(uploadId);
  });

  it("because its caller is gone before the upload exists", async () => {
    const call = rig.create();
    call.reset();
    await call.status;
  });

  it("because its caller is silent: before the start, between chunks, in half a frame or in the middle of a chunk", async () => {
    const unstarted = rig.connect().write();
    const frame = encodeRequest({ chunk: { offset: BigInt(durableBytes + 100), data: seededBytes(30_000) } });
    const begun = await Promise.all([0, 3, 9000].map(async (sent) => ({ sent, ...(await begin()) })));
    for (const { call, sent } of begun) if (sent > 0) call.send(frame.subarray(0, sent));
    for (const { call, uploadId, sent } of begun) {
      const metadata = {
        stall_timeout_ms: String(STALL_MS),
        upload_id: uploadId,
        durable_offset: String(durableBytes),
      };
      await expectRefused(call, { ...stalled, ...(sent === 0 && { metadata }) });
    }
    await expectRefused(unstarted, { ...stalled, says: `no start came within ${STALL_MS} ms` });
    for (const { uploadId } of begun) await expectKept(uploadId);
  });

  it("because its deadline has passed, while bytes still come", async () => {
    const started = await begin();
    started.call.reset();
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    const { uploadId } = started;
    const call = rig.connect().write({ "grpc-timeout": `${2 * STALL_MS}m` });
    call.send({ start: { target: { case: "upload", value: { namespace: "default", uploadId } } } });
    await call.started();
    const keepAlive = setInterval(() => call.send({ chunk: { offset: BigInt(durableBytes) } }), STALL_MS / 6);
    const metadata = { upload_id: uploadId, durable_offset: String(durableBytes) };
    const says = "the call's deadline has passed; go on from the durable offset";
    await expectRefused(call, { code: 4, reason: "DEADLINE_EXCEEDED", says, metadata });
    clearInterval(keepAlive);
    await expectKept(uploadId);
  });

  it("because its deadline has passed before it began", async () => {
    const call = rig.connect().write({ "grpc-timeout": "0n" });
    await expectRefused(call, { code: 4, reason: "DEADLINE_EXCEEDED", says: "allow more time" });
  });

  it("because its deadline has passed, in a form that connect-node carries", async () => {
    const call = rig
      .connect()
      .write({ "content-type": "application/grpc+json", "grpc-timeout": `${Math.floor(STALL_MS / 3)}m` });
    await expectRefused(call, { code: 4, reason: "DEADLINE_EXCEEDED", says: "allow more time" });
  });

  it("because its deadline cannot be read", async () => {
    const call = rig.connect().write({ "grpc-timeout": "5 minutes" });
    const says = 'grpc-timeout is "5 minutes"; it is at most eight digits';
    await expectRefused(call, { code: 3, reason: "ARGUMENT_INVALID", says });
  });

  it("not by a deadline that it meets", async () => {
    const call = rig.connect().write({ "grpc-timeout": "99999999H" });
    const value = { requestId: randomUUID(), namespace: "default", path: rig.nextPath() };
    call.send({ start: { target: { case: "create", value } } });
    call.sendBytes(bytes).send({ finish: {} }).end();
    await rig.expectFile(await call.committed(), bytes);
  });

  it("because a newer writer takes the upload over: the older is told at its next part", async () => {
    const { call, uploadId } = await begin();
    const newer = rig.resume(uploadId);
    expect(Number((await newer.started()).durableOffset)).to.equal(durableBytes);
    call.sendBytes(bytes.subarray(durableBytes + 100, 4 * PART_BYTES), { offset: durableBytes + 100 });
    await expectRefused(call, { code: 10, reason: "WRITER_FENCED", says: "was replaced by a newer one" });
    newer.sendBytes(bytes.subarray(durableBytes), { offset: durableBytes }).send({ finish: {} }).end();
    await rig.expectFile(await newer.committed(), bytes);
  });

  it("because a newer writer has begun while its one-part file lies in storage: its finish commits nothing", async () => {
    const [first, second] = [seededBytes(100, 1), seededBytes(100, 2)];
    const { s3 } = rig.service;
    const before = s3.requestCount("PutObject");
    const older = rig.create({ sizeBytes: 100n }).sendBytes(first);
    const { uploadId } = await older.started();
    await until("storage has been sent it", () => s3.requestCount("PutObject") > before);
    const newer = rig.resume(uploadId);
    await newer.started();
    await expectRefused(older.send({ finish: {} }), {
      code: 10,
      reason: "WRITER_FENCED",
      says: "replaced by a newer one",
    });
    expect((await rig.client.getUpload(uploadId)).file).to.equal(undefined);
    newer.sendBytes(second).send({ finish: {} }).end();
    await rig.expectFile(await newer.committed(), second);
    const rows = await rig.query("SELECT put_attempt, cleanup_time, object_key FROM upload WHERE upload_id = $1", [
      uploadId,
    ]);
    expect(rows).to.have.nested.property("[0].put_attempt", 2);
    expect(rows, "the loser's attempt is the sweeper's").to.have.nested.property("[0].cleanup_time", null);
  });

  it("because its upload was aborted, and frees what was stored", async () => {
    const { call, uploadId } = await begin();
    await rig.client.abortUpload(uploadId);
    await rig.client.abortUpload(uploadId);
    call.sendBytes(bytes.subarray(durableBytes + 100), { offset: durableBytes + 100 });
    await expectRefused(call, { code: 9, reason: "UPLOAD_NOT_OPEN", says: "aborted" });
    const again = await rig.resume(uploadId).status;
    expect(again).to.include({
      code: 9,
      reason: "UPLOAD_NOT_OPEN",
      message: "the upload was aborted; begin a new one",
    });
  });

  it("because its upload was aborted while it only keeps itself alive: a heartbeat tells", async () => {
    const { call, uploadId } = await begin();
    const keepAlive = setInterval(() => call.send({ chunk: { offset: BigInt(durableBytes + 100) } }), STALL_MS / 6);
    await rig.client.abortUpload(uploadId);
    await expectRefused(call, { code: 9, reason: "UPLOAD_NOT_OPEN", says: "aborted" });
    clearInterval(keepAlive);
  });

  it("because S3 has dropped its parts: nothing of it can be saved", async () => {
    const { call, uploadId } = await begin();
    const [row] = await rig.query("SELECT multipart_id, s3_key FROM upload WHERE upload_id = $1", [uploadId]);
    await rig.abortInStorage(String(row?.s3_key), String(row?.multipart_id));
    call.sendBytes(bytes.subarray(durableBytes + 100), { offset: durableBytes + 100 });
    await expectRefused(call, { code: 10, reason: "UPLOAD_LOST", says: "begin a new one" });
    expect((await rig.resume(uploadId).status).reason).to.equal("UPLOAD_NOT_OPEN");
  });

  it("because its one-part upload was aborted before its finish", async () => {
    const { s3 } = rig.service;
    const before = s3.requestCount("PutObject");
    const call = rig.create({ sizeBytes: 100n }).sendBytes(bytes.subarray(0, 100));
    const { uploadId } = await call.started();
    await until("S3 has been sent it", () => s3.requestCount("PutObject") > before);
    await rig.client.abortUpload(uploadId);
    await expectRefused(call.send({ finish: {} }), { code: 9, reason: "UPLOAD_NOT_OPEN", says: "aborted" });
  });

  it("keeps a one-part file that was sent whole, to be finished later", async () => {
    const call = rig.create({ sizeBytes: 100n }).sendBytes(bytes.subarray(0, 100));
    const { uploadId } = await call.started();
    await until("the file is whole", () =>
      call.answers.some(({ message }) => message.case === "progress" && message.value.receivedBytes === 100n),
    );
    const { metadata } = await call.end().status;
    const kept = metadata.durable_offset;
    const again = rig.resume(uploadId);
    expect(String((await again.started()).durableOffset)).to.equal(kept);
    again.reset();
    await rig.complete(uploadId, bytes.subarray(0, 100));
  });
});

describe("The sessions of a service", () => {
  it("are limited: one more is told to come back", async () => {
    const rig = await UploadRig.start({ settings: { SLUICE_UPLOADS_MAX: "1" } });
    const first = rig.create().sendBytes(seededBytes(1000));
    const { uploadId } = await first.started();
    const metadata = { uploads_max: "1" };
    const refused = await expectRefused(rig.create(), { code: 8, reason: "OVERLOADED", says: "1 uploads", metadata });
    expect(refused.retryAfterMs).to.equal(1000);
    const fencing = await rig.resume(uploadId).status;
    expect(fencing.reason, "who gets no slot fences nobody").to.equal("OVERLOADED");
    first.send({ finish: {} }).end();
    await rig.expectFile(await first.committed(), seededBytes(1000));
    await rig.expectNothingLeft();
    await rig.stop();
  });

  it("are told to go on elsewhere when the service drains, and go on at another replica", async () => {
    const rig = await UploadRig.start();
    const replica = await rig.service.startReplica();
    const bytes = seededBytes(5 * PART_BYTES);
    const connection = rig.connect();
    const call = rig.create({ sizeBytes: BigInt(bytes.length) }, connection);
    const starting = rig.create({}, connection);
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, 2 * PART_BYTES + 10));
    await call.durable(2 * PART_BYTES);
    const stopped = rig.service.app.stop();
    const metadata = { upload_id: uploadId, durable_offset: String(2 * PART_BYTES) };
    const says = "this server is shutting down; go on from the durable offset on another";
    const status = await expectRefused(call, { code: 14, reason: "SHUTTING_DOWN", says, metadata });
    expect(status.retryAfterMs).to.equal(0);
    expect((await starting.status).reason).to.equal("SHUTTING_DOWN");
    await stopped;
    const resumed = rig.resume(uploadId, rig.connect(replica.url));
    const { durableOffset } = await resumed.started();
    resumed
      .sendBytes(bytes.subarray(Number(durableOffset)), { offset: Number(durableOffset) })
      .send({ finish: {} })
      .end();
    expect((await resumed.committed()).receipt?.crc32).to.equal(crc32(bytes));
    expect(replica.load).to.deep.equal({ sessions: 0, partBytes: 0 });
    await rig.stop();
  });
});
