import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { authenticateEach } from "../testing/rigs/callers/authenticate-each.ts";
import { PART_BYTES } from "../testing/rigs/service/running-service.ts";
import { until } from "../testing/rigs/until.ts";
import type { RawStatus, RawWriteCall } from "../testing/rigs/uploads/raw-write-call.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

describe("Upload slots", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start({
      settings: { SLUICE_UPLOADS_MAX: "8", SLUICE_STALL_TIMEOUT_MS: "60000" },
      uploads: { slotSilenceMaxMs: 100 },
      authenticate: authenticateEach,
    });
  });
  after(async () => {
    await rig?.expectNothingLeft();
    await rig?.stop();
  });

  const begin = (caller: string): RawWriteCall => {
    const value = { requestId: randomUUID(), namespace: "default", path: rig.nextPath(), sizeBytes: 4n * 65_536n };
    const call = rig.connect().write({ authorization: `Bearer ${caller}` });
    return call.send({ start: { target: { case: "create", value } } });
  };
  /** How it was refused; undefined when it was let in. */
  const refusalOf = async (call: RawWriteCall): Promise<RawStatus | undefined> => {
    const started = call.started().then(() => undefined);
    return await Promise.race([call.status, started.catch(() => call.status)]);
  };

  it("are shared among callers, and the silent lose theirs once all are taken", async () => {
    const bytes = seededBytes(4 * PART_BYTES);
    const first = begin("a").sendBytes(bytes.subarray(0, PART_BYTES));
    const { uploadId } = await first.started();
    await until("a part is durable", () =>
      first.answers.some(({ message }) => message.case === "progress" && message.value.durableBytes > 0n),
    );
    const silent = Array.from({ length: 6 }, () => begin("a"));
    for (const call of silent) expect(await refusalOf(call)).to.equal(undefined);
    const tooMany = await refusalOf(begin("a"));
    expect(tooMany).to.include({ code: 8, reason: "OVERLOADED" });
    expect(tooMany?.message).to.include("you write 7 of the 8 uploads");

    const others: RawWriteCall[] = [];
    const enter = async (caller: string) => {
      await until(`${caller} is let in`, async () => {
        const call = begin(caller);
        if ((await refusalOf(call)) !== undefined) return false;
        others.push(call);
        return true;
      });
    };
    await enter("b");
    await enter("b");
    const { reason, code, message, metadata } = await first.status;
    expect({ reason, code }).to.deep.equal({ reason: "OVERLOADED", code: 8 });
    expect(message).to.include("go on from the durable offset");
    expect(metadata).to.include({ durable_offset: String(PART_BYTES), uploads_max: "8" });
    expect(others.map(({ stream }) => stream.closed)).to.deep.equal([false, false]);

    for (const call of others) call.reset();
    await until("the slots of the others are free", () => rig.service.app.load.sessions === silent.length);
    await rig.complete(uploadId, bytes);
    for (const call of silent) call.reset();
    await until("all have gone", () => rig.service.app.load.sessions === 0);
  });
});
