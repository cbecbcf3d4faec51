import { expect } from "chai";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("An upload whose multipart upload is gone", () => {
  const bytes = seededBytes(4 * PART_BYTES + 1000);
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());

  it("stays completing while storage shows neither it nor its object; the sweeper gives it up after 15 minutes", async () => {
    const call = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await call.started();
    call.sendBytes(bytes);
    await call.durable(bytes.length);
    const [row] = await rig.query("SELECT multipart_id, s3_key FROM upload WHERE upload_id = $1", [uploadId]);
    await rig.abortInStorage(String(row?.s3_key), String(row?.multipart_id));
    await expectRefused(call.send({ finish: {} }), {
      code: 14,
      reason: "STORAGE_UNAVAILABLE",
      says: "may still be assembling",
    });
    const refusal = await rig.client.completeUpload(uploadId).catch((error) => error);
    expect(refusal).to.include({ reason: "STORAGE_UNAVAILABLE", retryAfterMs: 5000 });
    const stateAfterSweep = async () => {
      const { lost } = await rig.sweep();
      const [{ state } = {}] = await rig.query("SELECT state FROM upload WHERE upload_id = $1", [uploadId]);
      return { lost, state };
    };
    expect(await stateAfterSweep()).to.deep.equal({ lost: 0, state: "completing" });
    for (const [age, expected] of [
      ["14 minutes", { lost: 0, state: "completing" }],
      ["15 minutes", { lost: 1, state: "aborted" }],
    ] as const) {
      await rig.query("UPDATE upload SET missing_time = now() - $2::interval WHERE upload_id = $1", [uploadId, age]);
      expect(await stateAfterSweep()).to.deep.equal(expected);
    }
    expect(await rig.client.completeUpload(uploadId).catch(({ reason }) => reason)).to.equal("UPLOAD_NOT_OPEN");
  });
});
