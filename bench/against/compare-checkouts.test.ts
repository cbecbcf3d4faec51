import { expect } from "chai";
import type { Checkout } from "./checkout.ts";
import { type Cost, compareCheckouts, showComparisons } from "./compare-checkouts.ts";

const before: Checkout = { directory: "/before", label: "before" };
const after: Checkout = { directory: "/after", label: "after" };

/** A trial whose costs come from a list, run after run, and the checkouts that it was run on. */
function scripted(values: readonly number[]) {
  const runs: string[] = [];
  const trial = async ({ label }: Checkout): Promise<Cost[]> => [
    { name: "CPU", value: values[runs.push(label) - 1] ?? 1 },
  ];
  return { runs, trial };
}

const compare = (trial: (checkout: Checkout) => Promise<Cost[]>, rounds: number) =>
  compareCheckouts([trial], { before, after, rounds, report: () => undefined });

describe("compareCheckouts", () => {
  it("runs one checkout against itself first, then both in pairs that change places", async () => {
    const { runs, trial } = scripted([]);
    await compare(trial, 2);
    expect(runs).to.deep.equal(["before", "before", "before", "before", "before", "after", "after", "before"]);
  });

  it("allows twice the spread of the same code", async () => {
    // The same code gives 1.01, 0.99 and 1.03, so the median distance from 1 is 0.01. The pairs give 1.02, 1.02 and 1.5, in
    // changed places.
    const same = [1, 1.01, 0.99, 1, 1, 1.03];
    const [met] = await compare(scripted([...same, 1, 1.02, 1.02, 1, 1, 1.5]).trial, 3);
    expect(met?.spread).to.be.closeTo(0.01, 1e-9);
    expect(met?.must).to.be.closeTo(1.02, 1e-9);
    expect(met).to.deep.include({ verdict: "met", ratio: { median: 1.02, min: 1.02, max: 1.5 } });
    const [missed] = await compare(scripted([...same, 1, 1.021, 1.021, 1, 1, 1]).trial, 3);
    expect(missed?.verdict).to.equal("missed");
  });

  it("allows no more than 5 % however far the same code is apart", async () => {
    const [comparison] = await compare(scripted([1, 1.4, 1, 1.06]).trial, 1);
    expect(comparison).to.deep.include({ must: 1.05 });
    const [missed] = await compare(scripted([1, 1.4, 1, 1.051]).trial, 1);
    expect(missed?.verdict).to.equal("missed");
  });

  it("shows the ratio, the spread, the bound and the verdict of each figure", async () => {
    const text = showComparisons(await compare(scripted([1, 1.01, 1, 0.9]).trial, 1));
    expect(text).to.include("| CPU    | 1.010 [1.010-1.010] | 0.900 [0.900-0.900] |  0.010 | ≤ 1.020 | met |");
  });
});
