import { expect } from "chai";
import { findNewHandles, showAttacks, toFigures } from "./attack-figures.ts";
import type { AttackOutcome } from "./run-attacks.ts";

const mib = 2 ** 20;
const kept: AttackOutcome = {
  attack: { id: "idle", title: "silence", run: async () => undefined },
  calls: 50,
  callsBeside: 100,
  failures: 0,
  livezMs: Array.from({ length: 100 }, (_, index) => (index === 99 ? 5000 : 1000)),
  livezBesideMs: [1],
  peakBytes: 150 * mib,
  keptBytes: 50 * mib,
};

describe("the figures of attacks", () => {
  it("are met at their bounds", () => {
    expect(toFigures(kept)).to.deep.equal({
      id: "idle",
      others: 0.5,
      livezP99Ms: 1000,
      peakMib: 150,
      keptMib: 50,
      missed: [],
    });
  });

  it("name each that is beyond its bound", () => {
    expect(toFigures({ ...kept, calls: 49 }).missed).to.deep.equal(["others"]);
    expect(toFigures({ ...kept, livezMs: [1001] }).missed).to.deep.equal(["livez"]);
    expect(toFigures({ ...kept, peakBytes: 151 * mib }).missed).to.deep.equal(["peak"]);
    expect(toFigures({ ...kept, keptBytes: 51 * mib }).missed).to.deep.equal(["kept"]);
  });

  it("are missed where nobody was served at all, and where /livez never answered", () => {
    expect(toFigures({ ...kept, calls: 0, callsBeside: 0, livezMs: [] }).missed).to.deep.equal(["others", "livez"]);
  });

  it("count the handles that were not there after the start", () => {
    const before = { TCPSocketWrap: 4, Timeout: 2 };
    expect(findNewHandles({ before, after: { TCPSocketWrap: 6, Timeout: 1, PipeWrap: 1 } })).to.deep.equal([
      "2 TCPSocketWrap",
      "1 PipeWrap",
    ]);
    expect(findNewHandles({ before, after: before })).to.deep.equal([]);
  });

  it("are shown with their bounds and a verdict", () => {
    const handles = { before: {}, after: { TCPSocketWrap: 1 } };
    const text = showAttacks({ outcomes: [kept, { ...kept, calls: 1 }], handles });
    expect(text).to.include("| attack  | others ≥ 0.5 | /livez p99 ≤ 1000 ms |");
    expect(text).to.match(/\| silence \| +0\.50 \| +1000 \| +150 \| +50 \| +met \|/);
    expect(text).to.match(/\| +0\.01 \| .* \| missed: others \|/);
    expect(text).to.include("without a caller: 1 TCPSocketWrap");
  });
});
