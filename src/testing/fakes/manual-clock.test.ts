import { expect } from "chai";
import { ManualClock } from "./manual-clock.ts";

describe("ManualClock", () => {
  it("leaves the timers alone of what was running before it was installed", async () => {
    const clock = new ManualClock();
    const { promise: fired, resolve } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    setImmediate(() => {
      setTimeout(resolve, 1);
      begin();
    });
    clock.install();
    try {
      const own = setTimeout(() => {}, 5);
      await begun;
      expect(clock.waiting).to.equal(1);
      await fired;
      clearTimeout(own);
      expect(clock.waiting).to.equal(0);
    } finally {
      clock.uninstall();
    }
  });
});
