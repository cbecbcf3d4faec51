import { expect } from "chai";
import { runMetadata } from "./metadata/run-metadata.ts";

describe("the benchmark of metadata calls", function () {
  this.timeout(240_000);

  it("measures every figure on a small table, none of whose calls fails", async () => {
    const load = { rows: 5_000, seed: 7, ratePerSecond: 60, connections: 4, seconds: 1, workers: 1 };
    const rows = await runMetadata(load, () => undefined);
    const unmeasured = rows.filter(({ measured }) => measured === undefined || !(measured > 0));
    expect(unmeasured).to.deep.equal([]);
    expect(rows.map(({ unit }) => unit)).to.deep.equal([...Array(7).fill("ms"), "ratio"]);
  });
});
