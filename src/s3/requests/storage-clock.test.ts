import { expect } from "chai";
import { StorageClock } from "./storage-clock.ts";

const START = Date.parse("2026-01-02T03:04:05.600Z");

describe("StorageClock", () => {
  let oursMs: number;
  const create = () => {
    oursMs = START;
    return new StorageClock(() => oursMs);
  };
  /** An answer that took this long and was written halfway, by a clock that is this far ahead. */
  const answer = (clock: StorageClock, aheadMs: number, tookMs = 100) => {
    const tell = clock.begin();
    oursMs += tookMs / 2;
    const date = new Date(oursMs + aheadMs).toUTCString();
    oursMs += tookMs / 2;
    tell(date);
  };

  it("is this host's until an answer contradicts it", () => {
    const clock = create();
    expect(clock.now().getTime()).to.equal(START);
    for (let times = 0; times < 20; times++) {
      answer(clock, 0, 130);
      oursMs += 777;
      expect(clock.offsetMs).to.equal(0);
    }
  });

  it("follows S3's to within the second that a Date leaves open and half of the way there and back, either way", () => {
    for (const aheadMs of [90_000, -90_000, 600_000, 1500]) {
      const clock = create();
      answer(clock, aheadMs);
      expect(clock.offsetMs).to.be.within(aheadMs - 550, aheadMs + 550);
      expect(clock.now().getTime()).to.equal(oursMs + clock.offsetMs);
    }
  });

  it("stays where it is while answers agree, and goes back when this host's clock is set", () => {
    const clock = create();
    answer(clock, 90_000);
    const { offsetMs } = clock;
    for (let times = 0; times < 5; times++) answer(clock, offsetMs);
    expect(clock.offsetMs).to.equal(offsetMs);
    answer(clock, 0);
    expect(clock.offsetMs).to.be.within(-550, 550);
  });

  it("learns less from an answer that took long, and nothing from one without a Date", () => {
    const clock = create();
    answer(clock, 4000, 10_000);
    expect(clock.offsetMs).to.equal(0);
    for (const none of [undefined, "", "yesterday"]) clock.begin()(none);
    expect(clock.offsetMs).to.equal(0);
  });
});
