import { expect } from "chai";
import { formatBytes, formatDuration, formatRate, formatTime } from "./human-units.ts";

describe("human units", () => {
  it("shows bytes in three figures or so", () => {
    const shown = [0, 999, 1023, 1024, 1536, 10_485_760, 2 ** 20 * 123.4, 1024 ** 3 - 1, 5 * 2 ** 30, 2 ** 60].map(
      formatBytes,
    );
    const expected = ["0 B", "999 B", "1023 B", "1 KiB", "1.5 KiB", "10 MiB", "123 MiB", "1 GiB", "5 GiB", "1024 PiB"];
    expect(shown).to.deep.equal(expected);
    expect(formatRate(1024 * 312.4)).to.equal("312 KiB/s");
  });

  it("shows durations as a clock", () => {
    expect([0, 6_100, 60_000, 3_723_000].map(formatDuration)).to.deep.equal(["0:00", "0:07", "1:00", "1:02:03"]);
  });

  it("shows times to the minute", () => {
    expect(formatTime(new Date(2026, 10, 4, 9, 5))).to.equal("2026-11-04 09:05");
  });
});
