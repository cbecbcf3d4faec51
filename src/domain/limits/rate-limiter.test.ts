import { expect } from "chai";
import { createSeededRandom } from "../../testing/samples/seeded-random.ts";
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

  it("lets so many come at once at any fraction of a millisecond", () => {
    const random = createSeededRandom(3);
    for (let round = 0; round < 2000; round++) {
      const { clock, limiter } = open({ intervalMs: 60_000 / (1 + (round % 7)), burstMax: 3, callersMax: 2 });
      clock.now = random() * 10 ** (2 + (round % 8));
      expect(
        [1, 2, 3, 4].map(() => limiter.take("a") > 0),
        `at ${clock.now}`,
      ).to.deep.equal([false, false, false, true]);
    }
  });

  it("counts each caller by itself, and remembers only so many", () => {
    const { limiter } = open();
    for (let times = 0; times < 3; times++) limiter.take("a");
    expect([limiter.take("b"), limiter.take("a")]).to.deep.equal([0, 20]);
    expect(limiter.take("c")).to.equal(0);
    expect(limiter.take("a"), "it was forgotten").to.equal(0);
  });
});
