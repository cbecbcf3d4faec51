import { expect } from "chai";
import { DELAY_MAX_MS, RestartPace, STEADY_MS } from "./restart-pace.ts";

describe("RestartPace", () => {
  let now: number;
  let pace: RestartPace;
  beforeEach(() => {
    now = 0;
    pace = new RestartPace({ now: () => now });
  });
  /** Lets a worker listen, live for this long and end. Returns the wait for the next one. */
  const live = (lifeMs: number) => {
    pace.listening();
    now += lifeMs;
    return pace.ended();
  };

  it("replaces the first worker that ends at once, and waits ever longer for those after it, up to a bound", () => {
    const delays = Array.from({ length: 9 }, () => live(100));
    expect(delays).to.deep.equal([0, 500, 1000, 2000, 4000, 8000, DELAY_MAX_MS, DELAY_MAX_MS, DELAY_MAX_MS]);
  });

  it("waits as long for those that never listened", () => {
    expect([pace.ended(), pace.ended(), pace.ended()]).to.deep.equal([0, 500, 1000]);
  });

  it("begins anew after a worker that has listened for a minute, and not before", () => {
    for (let ends = 0; ends < 4; ends++) live(0);
    expect(live(STEADY_MS - 1)).to.equal(4000);
    expect(live(STEADY_MS)).to.equal(0);
    expect([live(0), live(0)]).to.deep.equal([0, 500]);
  });

  it("does not take the time before a worker listened for its life", () => {
    for (let ends = 0; ends < 3; ends++) live(0);
    now += STEADY_MS;
    expect(pace.ended()).to.equal(2000);
  });
});
