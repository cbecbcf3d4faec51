import { expect } from "chai";
import {
  addRateSample,
  RATE_SPAN_MIN_MS,
  RATE_WINDOW_MS,
  type RateSample,
  toBytesPerSecond,
  toEtaMs,
} from "./transfer-rate.ts";

/** The samples of a transfer that is asked every so many milliseconds, with what it had received each time. */
function sampled(everyMs: number, received: readonly number[]): RateSample[] {
  return received.reduce<RateSample[]>(
    (samples, receivedBytes, index) => addRateSample(samples, { atMs: 1000 + index * everyMs, receivedBytes }),
    [],
  );
}

describe("toBytesPerSecond", () => {
  it("knows no rate before the samples span enough", () => {
    expect(toBytesPerSecond([])).to.equal(undefined);
    expect(toBytesPerSecond(sampled(1000, [0]))).to.equal(undefined);
    expect(toBytesPerSecond(sampled(RATE_SPAN_MIN_MS - 1, [0, 5000]))).to.equal(undefined);
    expect(toBytesPerSecond(sampled(RATE_SPAN_MIN_MS, [0, 5000]))).to.equal(2500);
  });

  it("is the mean of what is known, up to the window", () => {
    const steady = Array.from({ length: 30 }, (_, second) => second * 100);
    expect(toBytesPerSecond(sampled(1000, steady.slice(0, 5)))).to.equal(100);
    expect(toBytesPerSecond(sampled(1000, steady))).to.equal(100);
    const faster = [...steady, ...Array.from({ length: 10 }, (_, second) => 2900 + (second + 1) * 700)];
    expect(toBytesPerSecond(sampled(1000, faster))).to.equal(700);
  });

  it("falls to nothing in a transfer that stands still", () => {
    const stalled = [0, 1000, 2000, ...Array.from({ length: RATE_WINDOW_MS / 1000 }, () => 2000)];
    expect(toBytesPerSecond(sampled(1000, stalled.slice(0, -1)))).to.equal(100);
    expect(toBytesPerSecond(sampled(1000, stalled))).to.equal(0);
  });

  it("begins anew where a writer went back behind its predecessor", () => {
    const samples = sampled(1000, [0, 5000, 9000, 1000, 2000, 3000]);
    expect(samples[0]?.receivedBytes).to.equal(1000);
    expect(toBytesPerSecond(samples)).to.equal(1000);
  });

  it("keeps few samples however often they come", () => {
    const samples = sampled(
      10,
      Array.from({ length: 5000 }, (_, index) => index * 10),
    );
    expect(samples.length).to.be.below(50);
    expect(toBytesPerSecond(samples)).to.equal(1000);
  });
});

describe("toEtaMs", () => {
  it("is the rest at the rate", () => {
    expect(toEtaMs({ sizeBytes: 3000, receivedBytes: 1000 }, 500)).to.equal(4000);
    expect(toEtaMs({ sizeBytes: 3000, receivedBytes: 3000 }, undefined)).to.equal(0);
  });

  it("is unknown without a size or a rate, and where nothing moves", () => {
    expect(toEtaMs({ sizeBytes: undefined, receivedBytes: 1000 }, 500)).to.equal(undefined);
    expect(toEtaMs({ sizeBytes: 3000, receivedBytes: 1000 }, undefined)).to.equal(undefined);
    expect(toEtaMs({ sizeBytes: 3000, receivedBytes: 1000 }, 0)).to.equal(undefined);
  });
});
