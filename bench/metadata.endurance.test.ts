import { expect } from "chai";
import { comparePartitions } from "./metadata/compare-partitions.ts";
import { runMetadata } from "./metadata/run-metadata.ts";

describe("the benchmark of metadata calls", () => {
  it("measures every figure on a small table, none of whose calls fails", async () => {
    const load = { rows: 5_000, seed: 7, ratePerSecond: 60, connections: 4, seconds: 1, workers: 1 };
    const rows = await runMetadata(load, () => undefined);
    const unmeasured = rows.filter(({ measured }) => measured === undefined || !(measured > 0));
    expect(unmeasured).to.deep.equal([]);
    expect(rows.map(({ unit }) => unit)).to.deep.equal([...Array(7).fill("ms"), "ratio"]);
  });

  it("compares divided tables with plain ones, which read as many buffers", async () => {
    const load = { rows: 2_000, seed: 7, ratePerSecond: 20, connections: 1, seconds: 1 };
    const rows = await comparePartitions({ ...load, partitions: 3 }, () => undefined);
    expect(rows).to.have.length(10);
    for (const { name, measured } of rows) {
      expect(measured, name).to.be.above(0);
      if (name.includes("buffers")) expect(measured, name).to.be.below(1.5);
    }
  });
});
