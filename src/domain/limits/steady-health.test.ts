import { expect } from "chai";
import { STEADY_LIMITS, SteadyHealth } from "./steady-health.ts";

describe("SteadyHealth", () => {
  let nowMs = 0;
  const open = () => new SteadyHealth({ now: () => nowMs });
  const { wellAfterMs } = STEADY_LIMITS;

  it("believes the first check, whatever it finds", () => {
    expect(open().judge(undefined)).to.equal(undefined);
    expect(open().judge("is gone")).to.equal("is gone");
  });

  it("takes no single failed check for an outage", () => {
    const health = open();
    for (const found of [undefined, "is gone", undefined, "is gone", undefined]) {
      expect(health.judge(found)).to.equal(undefined);
    }
  });

  it("believes the second failed check in a row, and tells the newest problem", () => {
    const health = open();
    health.judge(undefined);
    health.judge("is slow");
    expect(health.judge("is gone")).to.equal("is gone");
    expect(health.judge("refuses us")).to.equal("refuses us");
  });

  it("is well again only when all checks have succeeded for the time that the limit names", () => {
    const health = open();
    health.judge("is gone");
    expect(health.judge(undefined)).to.equal("is gone");
    nowMs += wellAfterMs - 1;
    expect(health.judge(undefined)).to.equal("is gone");
    nowMs += 1;
    expect(health.judge(undefined)).to.equal(undefined);
  });

  it("does not flap with what comes and goes", () => {
    const health = open();
    health.judge("is gone");
    const seen = Array.from({ length: 60 }, (_, second) => {
      nowMs += 1000;
      return health.judge(second % 3 === 2 ? "is gone" : undefined);
    });
    expect(new Set(seen)).to.deep.equal(new Set(["is gone"]));
  });
});
