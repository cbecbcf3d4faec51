import { expect } from "chai";
import { ManualClock } from "./manual-clock.ts";
import { settle } from "./settle.ts";

/** A manual clock for each test of a `describe`, which fails if it leaves a timer; `pass` lets time pass, with what follows from it. */
export function useManualClock(): { clock: ManualClock; pass: (ms: number) => Promise<void> } {
  const clock = new ManualClock();
  beforeEach(() => clock.install());
  afterEach(async () => {
    await settle();
    const left = clock.waiting;
    clock.uninstall();
    expect(left, "timers left").to.equal(0);
  });
  const pass = async (ms: number) => {
    await settle();
    clock.tick(ms);
    await settle();
  };
  return { clock, pass };
}
