import { expect } from "chai";
import type { CallerPosition } from "../domain/siblings.ts";
import { CommitPositions } from "./commit-positions.ts";

describe("CommitPositions", () => {
  /** Marks that are drawn when the test says so. */
  class HeldMarks {
    drawn = 0n;
    readonly waiting: ((isFailure?: boolean) => void)[] = [];
    draw = () =>
      new Promise<bigint>((resolve, reject) => {
        this.waiting.push((isFailure = false) => (isFailure ? reject(new Error("away")) : resolve(++this.drawn)));
      });
  }

  it("draws one mark for all that come while another is drawn, behind each of them", async () => {
    const marks = new HeldMarks();
    const positions = new CommitPositions(marks);
    const first = positions.mark("dev:a");
    const later = [positions.mark("dev:b"), positions.mark("dev:c")];
    expect(marks.waiting).to.have.length(1);
    marks.waiting.shift()?.();
    expect(await first).to.equal(1n);
    await new Promise(setImmediate);
    expect(marks.waiting).to.have.length(1);
    marks.waiting.shift()?.();
    expect(await Promise.all(later)).to.deep.equal([2n, 2n]);
  });

  it("goes on after a mark that could not be drawn", async () => {
    const marks = new HeldMarks();
    const positions = new CommitPositions(marks);
    const failing = positions.mark("dev:a").catch((error: Error) => error.message);
    const next = positions.mark("dev:a");
    marks.waiting.shift()?.(true);
    expect(await failing).to.equal("away");
    await new Promise(setImmediate);
    marks.waiting.shift()?.();
    expect(await next).to.equal(1n);
  });

  it("lets each caller see what it has changed itself, and no less than it states", async () => {
    const positions = new CommitPositions({ draw: async () => 7n });
    await positions.mark("dev:a");
    expect([positions.of("dev:a", undefined), positions.of("dev:a", 3n), positions.of("dev:a", 9n)]).to.deep.equal([
      7n,
      7n,
      9n,
    ]);
    expect([positions.of("dev:b", undefined), positions.of("dev:b", 3n)]).to.deep.equal([undefined, 3n]);
  });

  it("tells the other workers before its caller hears, and never goes back", async () => {
    const told: CallerPosition[] = [];
    let hear: (change: CallerPosition) => void = () => {};
    const siblings = {
      tell: async (change: CallerPosition) => void told.push(change),
      listen: (listener: typeof hear) => {
        hear = listener;
      },
    };
    const positions = new CommitPositions({ draw: async () => 5n }, { siblings });
    await positions.mark("dev:a");
    expect(told).to.deep.equal([{ principal: "dev:a", position: 5n }]);
    hear({ principal: "dev:a", position: 4n });
    hear({ principal: "dev:b", position: 9n });
    expect([positions.of("dev:a", undefined), positions.of("dev:b", undefined)]).to.deep.equal([5n, 9n]);
  });

  it("tells them without waiting where nothing waits for it", async () => {
    const told: CallerPosition[] = [];
    const tell = (change: CallerPosition) => new Promise<void>(() => told.push(change));
    const siblings = { tell, listen: () => {} };
    const positions = new CommitPositions({ draw: async () => 5n }, { siblings, isTellingAwaited: false });
    expect(await positions.mark("dev:a")).to.equal(5n);
    expect(told).to.deep.equal([{ principal: "dev:a", position: 5n }]);
  });
});
