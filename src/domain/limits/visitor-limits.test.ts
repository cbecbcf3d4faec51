import { expect } from "chai";
import { catchError } from "../../testing/samples/sample-records.ts";
import { type VisitLimits, VisitorLimits } from "./visitor-limits.ts";

describe("VisitorLimits", () => {
  const LIMITS: VisitLimits = {
    work: { runningMax: 2, waitingMax: 500 },
    rate: { intervalMs: 20, burstMax: 200, callersMax: 10 },
  };
  const still = { now: () => 0 };
  const visit = async () => "a page";

  it("bounds how often one address comes, and says when it may again", async () => {
    const limits = new VisitorLimits("visits", LIMITS, still);
    const { burstMax, intervalMs } = LIMITS.rate;
    for (let times = 0; times < burstMax; times++) await limits.run("203.0.113.9", visit);
    expect(await catchError(() => limits.run("203.0.113.9", visit))).to.include({
      code: "resource_exhausted",
      reason: "OVERLOADED",
      retryAfterMs: intervalMs,
    });
    expect(await limits.run("203.0.113.10", visit)).to.equal("a page");
  });

  it("bounds how much is done at once, with turns for each address", async () => {
    const limits = new VisitorLimits(
      "visits",
      { work: { runningMax: 2, waitingMax: 8 }, rate: { intervalMs: 1, burstMax: 100, callersMax: 10 } },
      still,
    );
    const end = Promise.withResolvers<void>();
    const begun: string[] = [];
    const run = (address: string) =>
      limits.run(address, async () => {
        begun.push(address);
        await end.promise;
      });
    const busy = Array.from({ length: 9 }, () => run("203.0.113.9"));
    expect(await catchError(() => run("203.0.113.9"))).to.include({ reason: "OVERLOADED" });
    const other = run("198.51.100.1");
    end.resolve();
    await Promise.all([...busy, other]);
    expect(begun.indexOf("198.51.100.1")).to.be.lessThan(5);
  });

  it("takes the addresses of one IPv6 network for one visitor", async () => {
    const limits = new VisitorLimits(
      "visits",
      { ...LIMITS, rate: { intervalMs: 20, burstMax: 1, callersMax: 10 } },
      still,
    );
    await limits.run("2001:db8:1:2::1", visit);
    await limits.run("2001:db8:1:3::1", visit);
    expect(await catchError(() => limits.run("2001:db8:1:2:ffff::7", visit))).to.include({ reason: "OVERLOADED" });
  });
});
