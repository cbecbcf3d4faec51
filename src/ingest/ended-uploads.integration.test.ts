import { crc32 } from "node:zlib";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { UploadService } from "../../gen/sluice/v1/upload_service_pb.ts";
import { fromConnectError, type SluiceError } from "../client/sluice-error.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("An upload that has ended, or is about to", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const bytes = seededBytes(2 * PART_BYTES + 10);
  const part = bytes.subarray(0, PART_BYTES);
  const catchError = (call: Promise<unknown>) =>
    call.then(
      () => expect.fail("nothing was refused"),
      (error) => fromConnectError(error) as SluiceError,
    );
  /** An upload with one durable part, and nobody who writes to it. */
  const leave = async (content = part) => {
    const call = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await call.started();
    call.sendBytes(content);
    await call.durable(content.length);
    call.reset();
    await until("the stream has settled", () => rig.service.app.load.sessions === 0);
    return uploadId;
  };

  for (const state of ["expired", "aborted"] as const) {
    it(`says that it is ${state} to whoever writes, signs or completes`, async () => {
      const uploadId = await leave();
      if (state === "aborted") await rig.client.abortUpload(uploadId);
      else {
        await rig.query("UPDATE upload SET expire_time = now() WHERE upload_id = $1", [uploadId]);
        expect(await rig.sweep()).to.deep.include({ expired: 1, cleaned: 1, errors: [] });
      }
      const uploads = createClient(UploadService, createGrpcTransport({ baseUrl: rig.service.url }));
      const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
      const target = { namespace: "default", uploadId };
      const toSign = { partNumber: 2, sizeBytes: BigInt(PART_BYTES), crc32: 1 };
      const data = Uint8Array.from(part);
      for (const [name, call] of Object.entries({
        CompleteUpload: () => rig.client.completeUpload(uploadId),
        WritePart: () => uploads.writePart({ ...target, partNumber: 2, crc32: crc32(data), data }, { headers }),
        "WritePart of what was durable": () =>
          uploads.writePart({ ...target, partNumber: 1, crc32: crc32(data), data }, { headers }),
        SignParts: () => uploads.signParts({ ...target, parts: [toSign] }, { headers }),
        ...(state === "expired" && { AbortUpload: () => rig.client.abortUpload(uploadId) }),
      })) {
        const error = await catchError(call());
        expect({ code: error.code, reason: error.reason }, name).to.deep.equal({
          code: "failed_precondition",
          reason: "UPLOAD_NOT_OPEN",
        });
        expect(error.message, name).to.match(new RegExp(`upload .*(is|was) ${state}; begin a new one`));
        expect(error.details.state, name).to.equal(state);
      }
      const says = `the upload was ${state}; begin a new one`;
      await expectRefused(rig.resume(uploadId), { code: 9, reason: "UPLOAD_NOT_OPEN", says, metadata: { state } });
      const lane = { offset: BigInt(PART_BYTES), sizeBytes: BigInt(PART_BYTES) };
      const laneCall = rig
        .connect()
        .write()
        .send({ start: { target: { case: "upload", value: target }, lane } });
      await expectRefused(laneCall, { code: 9, reason: "UPLOAD_NOT_OPEN", says });
    });
  }

  it("cannot be aborted while storage assembles it: the file is committed", async () => {
    const uploadId = await leave(bytes);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    rig.service.s3.faults.add({ operation: "CompleteMultipartUpload", fault: { kind: "hold", released } });
    const completing = rig.client.completeUpload(uploadId);
    await until("Complete is under way", () => rig.service.s3.faults.pending === 0);
    const error = await catchError(rig.client.abortUpload(uploadId));
    expect(error).to.have.property("reason", "UPLOAD_NOT_OPEN");
    expect(error.details.state).to.equal("completing");
    release();
    expect((await completing).receipt?.crc32).to.equal(crc32(bytes));
    const { file } = await rig.client.getUpload(uploadId);
    expect((await rig.download(file?.path ?? "")).equals(bytes)).to.equal(true);
  });
});
