import { expect } from "chai";
import { LOG_NAME, LogRig } from "../../testing/rigs/database/log-rig.ts";
import { findLogJudges } from "../../testing/rigs/tools/log-judges.ts";

describe("a log with a tile of the third level", () => {
  it("is accepted by judges that nobody here wrote, when it grew in small steps and large ones", async function () {
    const judge = await findLogJudges();
    if (typeof judge === "string") {
      console.log(`      judges of the audit log: skipped, ${judge}`);
      return this.skip();
    }
    const rig = await LogRig.start();
    await rig.enterUpTo(66_000);
    await rig.publisher({ limits: { entriesMax: 300 } }).publish();
    expect(await rig.publisher({ limits: { entriesMax: 65_300 } }).publish()).to.equal(65_600);
    expect(await rig.publisher().publish()).to.equal(66_000);
    const log = { origin: LOG_NAME, verifierKey: rig.key.verifierKey };
    expect(await judge(rig.store.objects, log)).to.deep.equal({ tessera: undefined, sumdb: undefined });
    await rig.close();
  });
});
