import { expect } from "chai";
import { judgeClock } from "./check-clocks.ts";

describe("judgeClock", () => {
  for (const [offsetMs, isOk, message] of [
    [-5000, true, "5 s off that of storage"],
    [-5001, false, "our clock is 5 s ahead of that of storage"],
    [8000, false, "our clock is 8 s behind that of storage"],
    [-3_600_000, false, "our clock is 60 min ahead of that of storage"],
  ] as const) {
    it(`says of ${offsetMs} ms: ${message}`, () => {
      expect(judgeClock(offsetMs, "storage")).to.include({ isOk, message });
    });
  }
});
