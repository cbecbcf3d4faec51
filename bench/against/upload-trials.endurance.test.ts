import { expect } from "chai";
import { sluiceCrc } from "../contenders/sluice.ts";
import { setStage } from "../stage/stage.ts";
import { divideStage, findCheckouts, ownDirectory } from "./checkout.ts";
import { createUploadTrials } from "./upload-trials.ts";

describe("the comparison of two checkouts by uploads", () => {
  before(function () {
    if (process.platform === "linux") return;
    console.log("    skipped: CPU time is read from /proc, which only Linux has");
    this.skip();
  });

  it("starts the service of a checkout on a database of its own, and says what an upload costs", async () => {
    const { stage, clear } = await setStage(2 ** 20);
    try {
      const stageOf = divideStage(stage);
      const [trial] = createUploadTrials([sluiceCrc], stageOf, { sizeBytes: 64 * 2 ** 20, warmUpBytes: 0 });
      const { after } = findCheckouts(ownDirectory);
      const [cost] = (await trial?.(after)) ?? [];
      expect(cost?.name).to.equal("CPU s per GiB, Sluice, CRC32 per chunk");
      expect(cost?.value).to.be.greaterThan(0);
      expect(await stageOf(after).databaseUrl()).to.match(/\/checkout_1$/);
    } finally {
      await clear();
    }
  });
});
