import { expect } from "chai";
import { formatBytes, formatDuration, formatRate, formatRun, formatTime } from "./human-units.ts";

describe("human units", () => {
  it("shows bytes in three figures or so", () => {
    const shown = [0, 999, 1023, 1024, 1536, 10_485_760, 2 ** 20 * 123.4, 1024 ** 3 - 1, 5 * 2 ** 30, 2 ** 60].map(
      formatBytes,
    );
    const expected = ["0 B", "999 B", "1023 B", "1 KiB", "1.5 KiB", "10 MiB", "123 MiB", "1 GiB", "5 GiB", "1024 PiB"];
    expect(shown).to.deep.equal(expected);
    expect(formatRate(1024 * 312.4)).to.equal("312 KiB/s");
  });

  it("shows the rate of a run without what an earlier one had brought", () => {
    expect(formatRun({ sizeBytes: 3 * 2 ** 20, resumedBytes: undefined }, 1000)).to.equal("3 MiB/s");
    expect(formatRun({ sizeBytes: 3 * 2 ** 20, resumedBytes: 2 ** 20 }, 2000)).to.equal(
      "1 MiB/s after 1 MiB that were there before",
    );
    expect(formatRun({ sizeBytes: 7, resumedBytes: 7 }, 0)).to.equal("0 B/s after 7 B that were there before");
  });

  it("shows durations as a clock", () => {
    expect([0, 6_100, 60_000, 3_723_000].map(formatDuration)).to.deep.equal(["0:00", "0:07", "1:00", "1:02:03"]);
  });

  it("shows times to the minute", () => {
    expect(formatTime(new Date(2026, 10, 4, 9, 5))).to.equal("2026-11-04 09:05");
  });
});
