import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import type { Fault } from "../devstack/s3-server/faults.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, type Refusal, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const UNAVAILABLE: Refusal = { code: 14, reason: "STORAGE_UNAVAILABLE", says: "storage does not answer" };

describe("An upload while storage fails", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({
      // Storage is given up for silent after so long: a busy machine answers by then, so that only what hangs is given up.
      retry: { triesMax: 3, timeMaxMs: 60_000 },
      body: { idleTimeoutMs: 2000, answerTimeoutMs: 2000 },
    });
  });
  after(() => rig.stop());
  afterEach(async () => {
    rig.service.s3.faults.clear();
    await rig.expectNothingLeft();
  });

  const bytes = seededBytes(4 * PART_BYTES + 1000);
  const small = bytes.subarray(0, 1000);
  const send = async (content: Uint8Array, request: Parameters<UploadRig["create"]>[0] = {}) => {
    const call = rig.create({ sizeBytes: BigInt(content.length), ...request });
    const { uploadId } = await call.started();
    call.sendBytes(content, { crc32 }).send({ finish: { crc32: crc32(content) } });
    return { call, uploadId };
  };

  const passing: [string, Fault][] = [
    ["answers 500 to", { kind: "status", status: 500, code: "InternalError" }],
    ["answers 503 SlowDown to", { kind: "status", status: 503, code: "SlowDown" }],
    ["never answers", { kind: "hang" }],
    ["cuts the connection during", { kind: "cut-request", afterBytes: 500 }],
    ["cuts the connection while it answers", { kind: "cut-response" }],
    ["loses the answer to", { kind: "lost-response" }],
  ];
  for (const [what, fault] of passing) {
    it(`commits though storage ${what} a part, or a one-part file, and leaves no other attempt behind`, async () => {
      rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 2 }, fault });
      rig.service.s3.faults.add({ operation: "PutObject", times: 2, fault });
      // Silence before the answers to these ends by the socket's timeout: s3/control-faults.integration.test.ts.
      if (fault.kind !== "hang" && fault.kind !== "cut-request") {
        rig.service.s3.faults.add({ operation: "CreateMultipartUpload", fault });
        rig.service.s3.faults.add({ operation: "CompleteMultipartUpload", fault });
      }
      const [large, tiny] = [await send(bytes), await send(small)];
      await rig.expectFile(await large.call.committed(), bytes);
      await rig.expectFile(await tiny.call.committed(), small);
      // An answer that is lost leaves what S3 alone knows until the sweeper looks; the test does it here.
      if (fault.kind === "lost-response" || fault.kind === "cut-response") await rig.sweep();
    });
  }

  it("keeps the durable parts when a part fails for good, and tells a caller that is silent", async () => {
    rig.service.s3.faults.add({
      operation: "UploadPart",
      match: { partNumber: 3 },
      times: 100,
      fault: { kind: "status", status: 503, code: "SlowDown" },
    });
    const call = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, 3 * PART_BYTES));
    const metadata = { upload_id: uploadId, durable_offset: String(2 * PART_BYTES) };
    const status = await expectRefused(call, { ...UNAVAILABLE, says: "part 3: storage does not answer", metadata });
    expect(status.retryAfterMs).to.be.greaterThan(0);
    rig.service.s3.faults.clear();
    await rig.complete(uploadId, bytes);
  });

  it("refuses a one-part file that cannot be stored, and takes it later", async () => {
    rig.service.s3.faults.add({ operation: "PutObject", times: 100, fault: { kind: "hang" } });
    const { call, uploadId } = await send(small);
    await expectRefused(call, { ...UNAVAILABLE, metadata: { durable_offset: "0" } });
    rig.service.s3.faults.clear();
    await rig.complete(uploadId, small);
  });

  it("says that storage refuses the service, without its words", async () => {
    const fault: Fault = { kind: "status", status: 403, code: "AccessDenied" };
    rig.service.s3.faults.add({ operation: "UploadPart", times: 100, fault });
    const { call, uploadId } = await send(bytes);
    const status = await expectRefused(call, { ...UNAVAILABLE, says: "storage refuses the service" });
    expect(status.message).not.to.include("AccessDenied");
    rig.service.s3.faults.clear();
    await rig.complete(uploadId, bytes);
  });

  it("says that storage is full, at readiness too and without being unready, until it takes bytes again", async () => {
    const readyz = async () => {
      const headers = { connection: "close", authorization: `Bearer ${SERVICE_TOKEN}` };
      const answer = await fetch(`${rig.service.url}/readyz`, { headers });
      const { status, problems = [] } = (await answer.json()) as {
        status: string;
        problems?: Record<string, string>[];
      };
      return [answer.status, status, problems.map(({ component, problem }) => [component, problem])];
    };
    const fault: Fault = { kind: "status", status: 507, code: "InsufficientStorage" };
    rig.service.s3.faults.add({ operation: "UploadPart", times: 100, fault });
    const { call, uploadId } = await send(bytes);
    const says = "storage is full; try again once its operator has made room";
    const status = await expectRefused(call, { code: 14, reason: "STORAGE_FULL", says });
    expect(status.retryAfterMs).to.equal(60_000);
    const problem = `the last write: ${says}`;
    expect(await readyz()).to.deep.equal([200, "degraded", [["storage-writes", problem]]]);
    expect(rig.service.warningsLogged.at(-1)).to.deep.include({ answer: { code: "InsufficientStorage", status: 507 } });
    rig.service.s3.faults.clear();
    await rig.complete(uploadId, bytes);
    expect(await readyz()).to.deep.equal([200, "ready", []]);
  });

  it("logs by S3's own code what S3 says against parts that are too small, which the caller may give up", async () => {
    const fault: Fault = { kind: "status", status: 400, code: "EntityTooSmall" };
    rig.service.s3.faults.add({ operation: "CompleteMultipartUpload", fault });
    const { call, uploadId } = await send(bytes);
    await expectRefused(call, { code: 10, reason: "STORAGE_UNABLE", says: "set SLUICE_PART_SIZE_BYTES" });
    expect(rig.service.warningsLogged.at(-1)).to.deep.include({ code: "EntityTooSmall", status: 400 });
    await rig.client.abortUpload(uploadId);
  });

  it("forgets a part whose ETag storage denies, says where to go on, and completes", async () => {
    rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 3 }, fault: { kind: "wrong-etag" } });
    const { call, uploadId } = await send(bytes);
    const missing = `${2 * PART_BYTES}-${3 * PART_BYTES - 1}`;
    const metadata = {
      lost_parts: "1",
      missing_ranges: missing,
      durable_offset: String(2 * PART_BYTES),
      upload_id: uploadId,
    };
    await expectRefused(call, { code: 10, reason: "CHECKSUM_MISMATCH", says: "send the gaps again", metadata });
    const { durableRanges } = await rig.client.getUpload(uploadId);
    expect(durableRanges.map(({ offset, sizeBytes }) => [Number(offset), Number(sizeBytes)])).to.deep.equal([
      [0, 2 * PART_BYTES],
      [3 * PART_BYTES, PART_BYTES + 1000],
    ]);
    // Only the gap: what is durable behind it counts too.
    const again = rig.resume(uploadId);
    await again.started();
    again.sendBytes(bytes.subarray(2 * PART_BYTES, 3 * PART_BYTES), { offset: 2 * PART_BYTES });
    again.send({ finish: { crc32: crc32(bytes) } }).end();
    await rig.expectFile(await again.committed(), bytes);
  });

  for (const code of ["InternalError", "SlowDown"]) {
    it(`asks again when Complete answers 200 with ${code}`, async () => {
      rig.service.s3.faults.add({ operation: "CompleteMultipartUpload", fault: { kind: "error-in-200", code } });
      const { call } = await send(bytes);
      await rig.expectFile(await call.committed(), bytes);
    });
  }

  it("stays completing while Complete fails, and commits by CompleteUpload, by a new stream, or twice at once", async () => {
    for (const how of ["complete", "stream", "both"]) {
      const fault: Fault = { kind: "status", status: 500, code: "InternalError" };
      rig.service.s3.faults.add({ operation: "CompleteMultipartUpload", times: 100, fault });
      const { call, uploadId } = await send(bytes);
      await expectRefused(call, { ...UNAVAILABLE, metadata: { durable_offset: String(bytes.length) } });
      rig.service.s3.faults.clear();
      if (how === "stream") {
        await rig.complete(uploadId, bytes);
      } else {
        const calls = how === "both" ? [1, 2, 3] : [1];
        const files = await Promise.all(calls.map(() => rig.client.completeUpload(uploadId)));
        expect(new Set(files.map(({ file }) => file?.fileId)).size).to.equal(1);
      }
      expect((await rig.client.completeUpload(uploadId)).receipt?.crc32).to.equal(crc32(bytes));
    }
  });

  it("reads the file back for its SHA-256 after a resume, over cuts", async () => {
    const call = rig.create({ sizeBytes: BigInt(bytes.length), computeSha256: true });
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
    await call.durable(2 * PART_BYTES);
    call.reset();
    rig.service.s3.faults.add({ operation: "GetObject", times: 2, fault: { kind: "cut-response" } });
    const { receipt } = await rig.complete(uploadId, bytes);
    expect(Buffer.from(receipt?.sha256 ?? [])).to.deep.equal(createHash("sha256").update(bytes).digest());
  });

  it("keeps the assembled file when it cannot be read back, and commits later", async () => {
    rig.service.s3.faults.add({
      operation: "GetObject",
      times: 100,
      fault: { kind: "status", status: 500, code: "InternalError" },
    });
    const call = rig.create();
    const { uploadId } = await call.started();
    call.sendBytes(bytes.subarray(0, 2 * PART_BYTES));
    call.reset();
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    const again = rig.resume(uploadId);
    const offset = Number((await again.started()).durableOffset);
    const sha256 = createHash("sha256").update(bytes).digest();
    again.sendBytes(bytes.subarray(offset), { offset }).send({ finish: { sha256 } });
    await expectRefused(again, { ...UNAVAILABLE, says: "storage" });
    rig.service.s3.faults.clear();
    const { receipt } = await rig.client.completeUpload(uploadId);
    expect(Buffer.from(receipt?.sha256 ?? [])).to.deep.equal(sha256);
  });
});
