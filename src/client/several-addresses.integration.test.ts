import { expect } from "chai";
import { until } from "../testing/rigs/until.ts";
import { useTwoReplicas } from "../testing/rigs/uploads/two-replicas.ts";

describe("a client of two replicas", () => {
  describe("of which one is told to stop", () => {
    const two = useTwoReplicas("told to stop");

    for (const lanes of [1, 4]) {
      it(`ends an upload of ${lanes} ${lanes === 1 ? "stream" : "lanes"} at the other`, async () => {
        // A service that stops in order lets a stream end that can end in time: there need be no failures.
        await two.uploadThroughEnd(`stopped-${lanes}`, lanes);
        await two.expectOneFile(`stopped-${lanes}`);
      });
    }
  });

  describe("that are two processes", () => {
    const two = useTwoReplicas("killed");

    it("ends an upload of 4 lanes at the other when one is killed", async () => {
      expect(await two.uploadThroughEnd("killed-4", 4), "the upload was cut").to.be.at.least(1);
      await two.expectOneFile("killed-4");
    });

    it("spreads lanes over both", async () => {
      const uploading = two.client.upload(two.source, "spread", { lanes: 4 });
      await until("lanes are on both replicas", async () => {
        const rows = await two.rig.query("SELECT DISTINCT instance FROM writer WHERE range_end IS NOT NULL");
        return rows.length === 2;
      });
      await uploading;
      await two.expectOneFile("spread");
    });
  });
});
