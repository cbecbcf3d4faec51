import { expect } from "chai";
import { RateLimiter } from "./rate-limiter.ts";

describe("RateLimiter", () => {
  const open = (limits = { intervalMs: 20, burstMax: 3, callersMax: 2 }) => {
    const clock = { now: 1000 };
    return { clock, limiter: new RateLimiter(limits, { now: () => clock.now }) };
  };

  it("lets so many come at once, and then one in each interval", () => {
    const { clock, limiter } = open();
    expect([1, 2, 3, 4, 5].map(() => limiter.take("a"))).to.deep.equal([0, 0, 0, 20, 20]);
    clock.now += 19;
    expect(limiter.take("a")).to.equal(1);
    clock.now += 1;
    expect([limiter.take("a"), limiter.take("a")]).to.deep.equal([0, 20]);
    clock.now += 1000;
    expect([1, 2, 3, 4].map(() => limiter.take("a"))).to.deep.equal([0, 0, 0, 20]);
  });

  it("counts each caller by itself, and remembers only so many", () => {
    const { limiter } = open();
    for (let times = 0; times < 3; times++) limiter.take("a");
    expect([limiter.take("b"), limiter.take("a")]).to.deep.equal([0, 20]);
    expect(limiter.take("c")).to.equal(0);
    expect(limiter.take("a"), "it was forgotten").to.equal(0);
  });
});
