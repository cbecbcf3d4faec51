import { expect } from "chai";
import { inTurns } from "./turns.ts";

describe("inTurns", () => {
  it("runs no more at a time than it may, in order, and goes on after a failure", async () => {
    const turn = inTurns(2);
    const started: number[] = [];
    const ends: (() => void)[] = [];
    const run = (id: number) =>
      turn(async () => {
        started.push(id);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (id === 1) throw new Error("one");
        return id;
      });
    const runs = [1, 2, 3, 4].map(run);
    const settled = Promise.allSettled(runs);
    expect(started).to.deep.equal([1, 2]);
    ends[0]?.();
    await runs[0]?.catch(() => {});
    await Promise.resolve();
    expect(started).to.deep.equal([1, 2, 3]);
    ends[1]?.();
    await runs[1];
    await Promise.resolve();
    for (const end of ends) end();
    expect((await settled).map(({ status }) => status)).to.deep.equal(["rejected", ...Array(3).fill("fulfilled")]);
  });
});
