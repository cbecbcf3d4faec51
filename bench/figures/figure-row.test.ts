import { expect } from "chai";
import { type FigureRow, judge, showFigures } from "./figure-row.ts";

describe("the figures of sessions", () => {
  const most: FigureRow = { name: "memory", unit: "MiB", measured: 700, must: { atMost: 712 } };
  const least: FigureRow = {
    name: "share",
    unit: "ratio",
    measured: 0.7,
    must: { atLeast: 0.7 },
    aim: { atLeast: 0.9 },
  };

  it("are met at their bound, and missed beyond it", () => {
    expect(judge(most)).to.equal("met");
    expect(judge({ ...most, measured: 712.1 })).to.equal("missed");
    expect(judge(least)).to.equal("met");
    expect(judge({ ...least, measured: 0.69 })).to.equal("missed");
  });

  it("are not measured where nothing was found out", () => {
    expect(judge({ ...most, measured: undefined })).to.equal("not measured");
    expect(showFigures([{ ...most, measured: undefined }])).to.match(
      /memory \| +- \| ≤ 712 MiB \| +\| not measured \|/,
    );
  });

  it("are shown with their unit, their bounds and a note", () => {
    const text = showFigures([
      most,
      least,
      { name: "failures", unit: "count", measured: 3, must: { atMost: 0 }, note: "3 x no" },
    ]);
    expect(text).to.match(/\| memory +\| +700 MiB \| ≤ 712 MiB \| +\| +met \|/);
    expect(text).to.match(/\| share +\| +0\.70 \| +≥ 0\.70 \| ≥ 0\.90 \| +met \|/);
    expect(text).to.match(/\| failures +\| +3 \| +≤ 0 \| +\| +missed \|/);
    expect(text.endsWith("- failures: 3 x no")).to.equal(true);
  });
});
