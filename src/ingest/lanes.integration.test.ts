import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import type { RawConnection, RawWriteCall } from "../testing/rigs/uploads/raw-write-call.ts";
import { expectRefused, type Refusal, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const INVALID_ARGUMENT = 3;
const ABORTED = 10;

/** Bytes of a file, from `start` up to but without `end`. */
interface Lane {
  start: number;
  end: number;
}

describe("Lanes of one upload", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(8 * PART_BYTES + 10);
  const size = bytes.length;
  const lanes: Lane[] = [
    { start: 0, end: 2 * PART_BYTES },
    { start: 2 * PART_BYTES, end: 4 * PART_BYTES },
    { start: 4 * PART_BYTES, end: 6 * PART_BYTES },
    { start: 6 * PART_BYTES, end: size },
  ];
  const [first, second] = [
    { start: 0, end: 4 * PART_BYTES },
    { start: 4 * PART_BYTES, end: size },
  ];
  const toRange = ({ start, end }: Lane) => ({ offset: BigInt(start), sizeBytes: BigInt(end - start) });
  const bytesOf = ({ start, end }: Lane) => bytes.subarray(start, end);
  const createUpload = async (request: object = {}) =>
    (await rig.client.createUpload(rig.nextPath(), { sizeBytes: BigInt(size), ...request })).uploadId;
  const open = (uploadId: string, lane: Lane, connection: RawConnection = rig.connect()) => {
    const target = { case: "upload" as const, value: { namespace: "default", uploadId } };
    return connection.write().send({ start: { target, lane: toRange(lane) } });
  };
  /** Sends what is missing of a lane. */
  const send = async (call: RawWriteCall, lane: Lane) => {
    const offset = Number((await call.started()).durableOffset);
    return call.sendBytes(bytes.subarray(offset, lane.end), { offset, crc32 });
  };
  const finish = (call: RawWriteCall, lane: Lane, extra: object = {}) =>
    call.send({ finish: { crc32: crc32(bytes), laneCrc32: crc32(bytesOf(lane)), ...extra } }).end();
  /** The last message of a call that ends well. */
  const outcome = async (call: RawWriteCall) => {
    const { code, message } = await call.status;
    expect(code, message).to.equal(0);
    return call.answers.at(-1)?.message;
  };
  const settled = () => until("the streams have settled", () => rig.service.app.load.sessions === 0);

  it("are written at once, over several connections and replicas; the last one commits", async () => {
    const replica = await rig.service.startReplica();
    const uploadId = await createUpload();
    const calls = lanes.map((lane, i) =>
      open(uploadId, lane, rig.connect(i % 2 === 0 ? rig.service.url : replica.url)),
    );
    await Promise.all(calls.slice(0, 3).map(async (call, i) => send(call, lanes[i] as Lane)));
    const ends = [];
    for (const [i, lane] of lanes.entries()) {
      if (i === 3) await send(calls[3] as RawWriteCall, lane);
      finish(calls[i] as RawWriteCall, lane);
      ends.push(await outcome(calls[i] as RawWriteCall));
    }
    expect(ends.map((end) => end?.case)).to.deep.equal(["laneDone", "laneDone", "laneDone", "committed"]);
    expect(ends[1]?.value).to.deep.include({ crc32: crc32(bytesOf(lanes[1] as Lane)) });
    await rig.expectFile(await (calls[3] as RawWriteCall).committed(), bytes);
    const { receivedBytes, durableBytes } = await rig.client.getUpload(uploadId);
    expect([receivedBytes, durableBytes]).to.deep.equal([BigInt(size), BigInt(size)]);
    await replica.stop();
  });

  it("that finish at the same moment make one file, and each hears how it ended", async () => {
    for (let round = 0; round < 5; round++) {
      const path = rig.nextPath();
      const { uploadId } = await rig.client.createUpload(path, { sizeBytes: BigInt(size) });
      const calls = lanes.map((lane) => open(uploadId, lane));
      await Promise.all(calls.map(async (call, i) => send(call, lanes[i] as Lane)));
      for (const [i, lane] of lanes.entries()) finish(calls[i] as RawWriteCall, lane);
      const ends = await Promise.all(calls.map(outcome));
      expect(ends.map((end) => end?.case)).to.include("committed");
      for (const end of ends) expect(end?.case).to.be.oneOf(["committed", "laneDone"]);
      const rows = await rig.query("SELECT generation FROM file WHERE path = $1", [path]);
      expect(rows).to.deep.equal([{ generation: "1" }]);
      expect((await rig.download(path)).equals(bytes)).to.equal(true);
    }
  });

  it("tell progress of their own, which sums to the file's", async () => {
    const uploadId = await createUpload();
    const calls = [open(uploadId, first), open(uploadId, second)];
    await send(calls[0] as RawWriteCall, first);
    finish(calls[0] as RawWriteCall, first);
    const done = await outcome(calls[0] as RawWriteCall);
    const progress = calls[0]?.answers.findLast(({ message }) => message.case === "progress")?.message.value;
    const end = BigInt(first.end);
    expect(progress).to.deep.include({ durableBytes: end, receivedBytes: end, durableOffset: end });
    expect(done?.case === "laneDone" && done.value.lane).to.deep.include(toRange(first));
    await send(calls[1] as RawWriteCall, second);
    finish(calls[1] as RawWriteCall, second);
    await calls[1]?.committed();
    const last = calls[1]?.answers.findLast(({ message }) => message.case === "progress")?.message.value;
    const durable = { durableBytes: BigInt(second.end - second.start), durableOffset: BigInt(second.end) };
    expect(last).to.deep.include({ ...durable, committed: true });
  });

  it("resume each from its own durable offset, with the CRC32 of the lane so far", async () => {
    const uploadId = await createUpload();
    const call = open(uploadId, second);
    await call.started();
    call.sendBytes(bytes.subarray(second.start, second.start + 2 * PART_BYTES), { offset: second.start });
    await call.durable(2 * PART_BYTES);
    call.reset();
    await settled();
    const again = open(uploadId, second);
    const started = await again.started();
    expect(started).to.deep.include({
      durableOffset: BigInt(second.start + 2 * PART_BYTES),
      durableCrc32: crc32(bytes.subarray(second.start, second.start + 2 * PART_BYTES)),
    });
    expect(started.lane).to.deep.include(toRange(second));
    expect(started.durableRanges.map(({ offset, sizeBytes }) => [offset, sizeBytes])).to.deep.equal([
      [BigInt(second.start), BigInt(2 * PART_BYTES)],
    ]);
    await send(again, second);
    finish(again, second);
    expect((await outcome(again))?.case).to.equal("laneDone");
    await rig.complete(uploadId, bytes);
  });

  it("compare durable parts that are sent again, and refuse other bytes", async () => {
    const uploadId = await createUpload();
    const call = open(uploadId, second);
    await send(call, second);
    await call.durable(second.end - second.start);
    call.reset();
    await settled();
    const before = rig.service.s3.requestCount("UploadPart");
    const other = open(uploadId, second);
    await other.started();
    other.sendBytes(seededBytes(PART_BYTES, 9), { offset: second.start });
    await expectRefused(other, {
      code: ABORTED,
      reason: "CHECKSUM_MISMATCH",
      says: "differ from those that are durable",
      metadata: { durable_offset: String(size), offset: String(second.start) },
    });
    const again = open(uploadId, second);
    await again.started();
    again.sendBytes(bytesOf(second), { offset: second.start });
    finish(again, second);
    expect((await outcome(again))?.case).to.equal("laneDone");
    expect(rig.service.s3.requestCount("UploadPart"), "parts written").to.equal(before);
    await rig.complete(uploadId, bytes);
  });

  it("get a SHA-256 by reading the file back, and may declare it on any of them", async () => {
    const sha256 = createHash("sha256").update(bytes).digest();
    for (const declared of [sha256, new Uint8Array(32)]) {
      const uploadId = await createUpload({ computeSha256: true });
      const calls = [open(uploadId, first), open(uploadId, second)];
      await send(calls[0] as RawWriteCall, first);
      finish(calls[0] as RawWriteCall, first, { sha256: declared });
      expect((await outcome(calls[0] as RawWriteCall))?.case).to.equal("laneDone");
      await send(calls[1] as RawWriteCall, second);
      finish(calls[1] as RawWriteCall, second);
      if (declared === sha256) {
        const { receipt } = await (calls[1] as RawWriteCall).committed();
        expect(Buffer.from(receipt?.sha256 ?? []).equals(sha256)).to.equal(true);
      } else {
        const refusal = { code: ABORTED, reason: "CHECKSUM_MISMATCH", says: "SHA-256" };
        await expectRefused(calls[1] as RawWriteCall, { ...refusal, metadata: { durable_offset: String(size) } });
      }
    }
    await rig.query("UPDATE upload SET state = 'expired' WHERE state = 'assembled'");
    await rig.sweep();
  });

  it("leave the commit to CompleteUpload when they are told to", async () => {
    const path = rig.nextPath();
    const { uploadId } = await rig.client.createUpload(path, { sizeBytes: BigInt(size) });
    for (const lane of [second, first]) {
      const call = open(uploadId, lane);
      await send(call, lane);
      finish(call, lane, { commit: false });
      expect((await outcome(call))?.case).to.equal("laneDone");
    }
    const wrong = open(uploadId, first);
    await wrong.started();
    finish(wrong, first, { commit: false, crc32: 1 });
    const refusal = { code: ABORTED, reason: "CHECKSUM_MISMATCH", says: "00000001 was declared" };
    await expectRefused(wrong, refusal);
    await rig.client.completeUpload(uploadId);
    expect((await rig.download(path)).equals(bytes)).to.equal(true);
    const late = open(uploadId, first);
    expect((await late.committed()).file?.path).to.equal(path);
    expect(Number((await late.started()).durableOffset)).to.equal(first.end);
  });

  it("may be the whole of a file, of one part as well", async () => {
    for (const content of [bytes, bytes.subarray(0, 10)]) {
      const uploadId = await createUpload({ sizeBytes: BigInt(content.length) });
      const lane = { start: 0, end: content.length };
      const call = open(uploadId, lane);
      await call.started();
      call.sendBytes(content).send({ finish: { laneCrc32: crc32(content) } });
      await rig.expectFile(await call.committed(), content);
    }
    const small = await createUpload({ sizeBytes: 10n });
    const call = open(small, { start: 0, end: 10 });
    await call.started();
    call.sendBytes(bytes.subarray(0, 10)).send({ finish: { commit: false } });
    expect((await outcome(call))?.case).to.equal("laneDone");
    const again = open(small, { start: 0, end: 10 });
    await again.started();
    again.send({ finish: { commit: false, laneCrc32: crc32(bytes.subarray(0, 10)) } });
    expect((await outcome(again))?.case).to.equal("laneDone");
    await rig.client.completeUpload(small);
  });

  it("may be begun with the upload, by a caller who knows its part size", async () => {
    const value = {
      requestId: crypto.randomUUID(),
      namespace: "default",
      path: rig.nextPath(),
      sizeBytes: BigInt(size),
    };
    const calls = lanes.map((lane) =>
      rig
        .connect()
        .write()
        .send({ start: { target: { case: "create", value }, lane: toRange(lane) } }),
    );
    await Promise.all(calls.map(async (call, i) => send(call, lanes[i] as Lane)));
    for (const [i, lane] of lanes.entries()) finish(calls[i] as RawWriteCall, lane);
    expect((await Promise.all(calls.map(outcome))).map((end) => end?.case)).to.include("committed");
    expect((await rig.download(value.path)).equals(bytes)).to.equal(true);
  });

  it("come over Connect too", async () => {
    const uploadId = await createUpload();
    const transport = createConnectTransport({ baseUrl: rig.service.url, httpVersion: "2" });
    const client = createClient(UploadService, transport);
    const write = async (lane: Lane) => {
      const target = { case: "upload" as const, value: { namespace: "default", uploadId } };
      async function* requests() {
        yield { message: { case: "start" as const, value: { target, lane: toRange(lane) } } };
        for (let at = lane.start; at < lane.end; at += PART_BYTES) {
          const data = Uint8Array.from(bytes.subarray(at, Math.min(at + PART_BYTES, lane.end)));
          yield { message: { case: "chunk" as const, value: { offset: BigInt(at), data } } };
        }
        yield { message: { case: "finish" as const, value: { laneCrc32: crc32(bytesOf(lane)) } } };
      }
      const cases = [];
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      for await (const { message } of client.writeUpload(requests(), { headers })) cases.push(message.case);
      return cases.at(-1);
    };
    expect(await write(second)).to.equal("laneDone");
    expect(await write(first)).to.equal("committed");
  });

  describe("refuse", () => {
    const refuse = (lane: Lane, says: string) => async () => {
      const uploadId = await createUpload();
      const whole = rig.resume(uploadId);
      await whole.started();
      await expectRefused(open(uploadId, lane), { code: INVALID_ARGUMENT, reason: "RANGE_INVALID", says });
      // Who is refused has fenced nobody.
      whole.sendBytes(bytes).send({ finish: {} });
      await rig.expectFile(await whole.committed(), bytes);
    };
    it("a lane that begins inside a part", refuse({ start: 1, end: PART_BYTES }, `part size, ${PART_BYTES}`));
    it("a lane that ends inside a part", refuse({ start: 0, end: PART_BYTES + 1 }, `or at ${size}`));
    it("a lane beyond the size", refuse({ start: 8 * PART_BYTES, end: 9 * PART_BYTES }, `declared ${size} bytes`));
    it("a lane without a byte", refuse({ start: PART_BYTES, end: PART_BYTES }, "give 1 or more"));
    it("a lane of an upload without a declared size", async () => {
      const { uploadId } = await rig.client.createUpload(rig.nextPath());
      const says = "the upload has no declared size";
      await expectRefused(open(uploadId, first), { code: INVALID_ARGUMENT, reason: "RANGE_INVALID", says });
    });

    const inLane = (what: string, act: (call: RawWriteCall) => unknown, refusal: Omit<Refusal, "code">) =>
      it(what, async () => {
        const uploadId = await createUpload();
        const call = open(uploadId, second);
        await call.started();
        act(call);
        const durable = { metadata: { durable_offset: String(second.start), ...refusal.metadata } };
        await expectRefused(call, { code: INVALID_ARGUMENT, ...refusal, ...durable });
        await rig.complete(uploadId, bytes);
      });
    const piece = bytes.subarray(0, 100);
    inLane("a chunk before the lane", (call) => call.sendBytes(piece), {
      reason: "OFFSET_MISMATCH",
      says: "lies before the lane",
    });
    inLane("a chunk that leaves a gap", (call) => call.sendBytes(piece, { offset: second.start + 1 }), {
      reason: "OFFSET_MISMATCH",
      says: `begin at ${second.start}`,
    });
    inLane("a finish before the lane's last byte", (call) => call.send({ finish: {} }), {
      reason: "SIZE_MISMATCH",
      says: `the lane ends at byte ${size}`,
    });
    inLane("another size of the file", (call) => call.send({ finish: { sizeBytes: 5n } }), {
      reason: "SIZE_MISMATCH",
      says: "finish says 5 bytes",
    });
    inLane("a half-close without finish", (call) => call.end(), { reason: "SEQUENCE_INVALID", says: "without finish" });

    it("a chunk beyond the lane", async () => {
      const uploadId = await createUpload();
      const call = open(uploadId, first);
      await send(call, first);
      call.sendBytes(bytes.subarray(first.end, first.end + 5), { offset: first.end });
      const refusal = { code: INVALID_ARGUMENT, reason: "SIZE_MISMATCH", says: `the lane ends at ${first.end}` };
      await expectRefused(call, refusal);
      await rig.complete(uploadId, bytes);
    });

    it("a wrong CRC32 of the lane, and keep its bytes", async () => {
      const uploadId = await createUpload();
      const call = open(uploadId, second);
      await send(call, second);
      finish(call, second, { laneCrc32: 7 });
      await expectRefused(call, {
        code: ABORTED,
        reason: "CHECKSUM_MISMATCH",
        says: "00000007 was declared",
        metadata: { durable_offset: String(size) },
      });
      await rig.complete(uploadId, bytes);
    });
  });

  it("fence an older writer of the same range, or of a part of it, and no other", async () => {
    const uploadId = await createUpload();
    const [one, two] = [open(uploadId, first), open(uploadId, second)];
    await Promise.all([one.started(), two.started()]);
    const three = open(uploadId, { start: 3 * PART_BYTES, end: 4 * PART_BYTES });
    await three.started();
    one.sendBytes(bytesOf(first));
    const fenced: Refusal = { code: ABORTED, reason: "WRITER_FENCED", says: "replaced by a newer one" };
    await expectRefused(one, fenced);
    const again = open(uploadId, second);
    await again.started();
    two.sendBytes(bytesOf(second), { offset: second.start });
    await expectRefused(two, fenced);
    await send(again, second);
    finish(again, second);
    expect((await outcome(again))?.case).to.equal("laneDone");
    three.sendBytes(bytes.subarray(3 * PART_BYTES, 4 * PART_BYTES), { offset: 3 * PART_BYTES }).send({ finish: {} });
    expect((await outcome(three))?.case).to.equal("laneDone");
    const rest = open(uploadId, first);
    await send(rest, first);
    finish(rest, first);
    await rig.expectFile(await rest.committed(), bytes);
  });
});
