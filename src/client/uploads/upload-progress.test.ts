import { expect } from "chai";
import { createProgressReporter, createRateMeter, type UploadProgress } from "./upload-progress.ts";

describe("createRateMeter", () => {
  it("knows no rate from one sample, and the mean of the last five seconds later", () => {
    const meter = createRateMeter();
    expect(meter.add(0, 0)).to.equal(0);
    expect(meter.add(1000, 1000)).to.equal(1000);
    for (let second = 2; second <= 20; second++) meter.add(1000, second * 1000);
    expect(meter.add(1000, 21_000)).to.equal(0);
  });
});

describe("createProgressReporter", () => {
  it("counts for the rate only what this run sent", () => {
    const told: UploadProgress[] = [];
    let now = 0;
    const reporter = createProgressReporter(
      { uploadId: "u", totalBytes: 9000 },
      (progress) => told.push(progress),
      () => now,
    );
    reporter.take({ receivedBytes: 5000, durableBytes: 5000 });
    expect(told.at(-1)).to.include({ resumedBytes: 5000, bytesPerSecond: 0 });
    now = 1000;
    reporter.take({ receivedBytes: 6000, durableBytes: 5500 });
    expect(told.at(-1)).to.include({ resumedBytes: 5000, bytesPerSecond: 1000, etaMs: 3000 });
    reporter.fail(new Error("it is away"));
    reporter.take({ receivedBytes: 5500, durableBytes: 5500 });
    expect(told.at(-1)).to.include({ resumedBytes: 5000, bytesPerSecond: 0 });
  });

  it("derives rate and rest from received bytes, and forgets both at a failure", () => {
    const told: UploadProgress[] = [];
    let now = 0;
    const reporter = createProgressReporter(
      { uploadId: "u", totalBytes: 3000 },
      (progress) => told.push(progress),
      () => now,
    );
    expect(reporter.take({ receivedBytes: 0, durableBytes: 0 })).to.equal(false);
    now = 1000;
    expect(reporter.take({ receivedBytes: 1000, durableBytes: 500 })).to.equal(true);
    expect(told.at(-1)).to.include({ bytesPerSecond: 1000, etaMs: 2000, durableBytes: 500, uploadId: "u" });
    reporter.fail(new Error("it is away"));
    expect(told.at(-1)).to.include({ failures: 1, failure: "it is away", bytesPerSecond: 0, etaMs: undefined });
    expect(reporter.take({ receivedBytes: 500, durableBytes: 500 })).to.equal(false);
    expect(told.at(-1)).to.include({ failures: 1 });
    expect(reporter.take({ receivedBytes: 900, durableBytes: 900 })).to.equal(true);
    expect(told.at(-1)).to.include({ failures: 0 });
  });
});
