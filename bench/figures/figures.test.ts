import { expect } from "chai";
import type { ContenderId } from "../stage/contender.ts";
import { checkFigures, cpuRatio } from "./figures.ts";
import type { Measurement } from "./measure.ts";

const measurement = (id: ContenderId, cpuSecondsPerGib: number): Measurement => ({
  id,
  cpuSecondsPerGib,
  systemSecondsPerGib: 0,
  mibPerSecond: 500,
  peakRssBytes: 100 * 1024 ** 2,
});

describe("checkFigures", () => {
  it("says met at the bound and missed above it", () => {
    const at = checkFigures([[measurement("sluice", 1.4), measurement("floor", 1)]]);
    const above = checkFigures([[measurement("sluice", 1.41), measurement("floor", 1)]]);
    expect(at[0]).to.include({ measured: 1.4, verdict: "met" });
    expect(above[0]).to.include({ measured: 1.41, verdict: "missed" });
  });

  it("says not measured when a contender did not run", () => {
    const figures = checkFigures([[measurement("floor", 1)]]);
    expect(figures.map(({ verdict }) => verdict)).to.deep.equal(Array(10).fill("not measured"));
  });

  it("holds the peak memory of the long upload against the budget and 150 MiB", () => {
    const rss = { ...measurement("sluice-crc", 1), peakRssBytes: 663 * 1024 ** 2 };
    expect(checkFigures([], rss)[8]).to.include({ measured: 663, must: 662, verdict: "missed" });
  });

  it("takes the middle of the times until ready", () => {
    const rounds = [0.4, 0.9, 0.5].map((readySeconds) => [{ ...measurement("sluice", 1), readySeconds }]);
    expect(checkFigures(rounds)[9]).to.include({ measured: 0.5, verdict: "met" });
  });
});

describe("cpuRatio", () => {
  it("compares within a round, whatever the machine's speed in the others", () => {
    const rounds = [1, 2, 4].map((slowness) => [measurement("tusd", 2 * slowness), measurement("floor", slowness)]);
    expect(cpuRatio(rounds, "tusd", "floor")).to.deep.equal({ median: 2, min: 2, max: 2 });
  });

  it("leaves out rounds in which one of the two is missing", () => {
    const rounds = [[measurement("tusd", 3), measurement("floor", 1)], [measurement("floor", 9)]];
    expect(cpuRatio(rounds, "tusd", "floor")?.median).to.equal(3);
  });
});
