import { expect } from "chai";
import { MemoryBudget, type Release } from "./memory-budget.ts";

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("MemoryBudget", () => {
  let budget: MemoryBudget;
  const { signal } = new AbortController();
  const turn = { namespace: "n", uploadId: "a" };
  beforeEach(() => {
    budget = new MemoryBudget(100);
  });

  /** Waits for a permit; tells when it has come. */
  const wait = (bytes: number, { uploadId = "a", waitSignal = signal } = {}) => {
    const waiting: { release: Release | undefined; error: unknown } = { release: undefined, error: undefined };
    budget.acquire(bytes, { turn: { namespace: "n", uploadId }, signal: waitSignal }).then(
      (release) => {
        waiting.release = release;
      },
      (error) => {
        waiting.error = error;
      },
    );
    return waiting;
  };

  it("gives permits up to its bytes, and no more", () => {
    const first = budget.tryAcquire(60);
    expect(budget.tryAcquire(41)).to.equal(undefined);
    const second = budget.tryAcquire(40);
    expect(budget.usedBytes).to.equal(100);
    first?.();
    second?.();
    expect(budget.usedBytes).to.equal(0);
  });

  it("takes a permit back once", () => {
    const release = budget.tryAcquire(60);
    release?.();
    release?.();
    expect(budget.usedBytes).to.equal(0);
  });

  it("grants at once what is free", async () => {
    const release = await budget.acquire(100, { turn, signal });
    expect(budget.usedBytes).to.equal(100);
    release();
  });

  it("lets those that wait take their turn, also before small ones that would fit", async () => {
    const held = budget.tryAcquire(80);
    const large = wait(50);
    const small = wait(10);
    await settle();
    expect([large.release, small.release]).to.deep.equal([undefined, undefined]);
    expect(budget.tryAcquire(1)).to.equal(undefined);
    held?.();
    await settle();
    expect(budget.usedBytes).to.equal(60);
    large.release?.();
    small.release?.();
    expect(budget.usedBytes).to.equal(0);
  });

  it("serves as many as fit when bytes come back", async () => {
    const held = budget.tryAcquire(100);
    const waiting = [30, 30, 50, 10].map((bytes) => wait(bytes));
    held?.();
    await settle();
    expect(waiting.map(({ release }) => release !== undefined)).to.deep.equal([true, true, false, false]);
    waiting[0]?.release?.();
    await settle();
    expect(waiting.map(({ release }) => release !== undefined)).to.deep.equal([true, true, true, true]);
    expect(budget.usedBytes).to.equal(90);
  });

  it("serves uploads in turns, however many permits one waits for", async () => {
    const held = budget.tryAcquire(100);
    const order: string[] = [];
    for (const uploadId of ["a", "a", "a", "b"]) {
      budget.acquire(100, { turn: { namespace: "n", uploadId }, signal }).then((release) => {
        order.push(uploadId);
        release();
      });
    }
    held?.();
    await settle();
    expect(order.join("")).to.equal("abaa");
  });

  it("lets the next go ahead when one gives up waiting", async () => {
    const held = budget.tryAcquire(80);
    const controller = new AbortController();
    const large = wait(50, { waitSignal: controller.signal });
    const small = wait(20);
    const reason = new Error("the caller hung up");
    controller.abort(reason);
    await settle();
    expect(large.error).to.equal(reason);
    expect(small.release).to.be.a("function");
    held?.();
    small.release?.();
    expect(budget.usedBytes).to.equal(0);
  });

  it("does not heed a signal once the permit is there", async () => {
    const held = budget.tryAcquire(100);
    const controller = new AbortController();
    const waiting = wait(50, { waitSignal: controller.signal });
    held?.();
    await settle();
    controller.abort();
    await settle();
    expect([waiting.error, budget.usedBytes]).to.deep.equal([undefined, 50]);
    waiting.release?.();
  });

  it("refuses a signal that is aborted already", async () => {
    const reason = new Error("too late");
    const error = await budget.acquire(1, { turn, signal: AbortSignal.abort(reason) }).catch((caught) => caught);
    expect(error).to.equal(reason);
    expect(budget.usedBytes).to.equal(0);
  });

  it("takes a permit greater than itself for the bug it is", () => {
    expect(() => budget.acquire(101, { turn, signal })).to.throw("a permit of 101 bytes; the budget is 100");
  });

  it("overdraws, and has others wait until that is repaid", async () => {
    const held = budget.tryAcquire(100);
    const overdrawn = budget.overdraw(20);
    expect(budget.usedBytes).to.equal(120);
    const waiting = wait(10);
    overdrawn();
    await settle();
    expect(waiting.release).to.equal(undefined);
    held?.();
    await settle();
    expect(waiting.release).to.be.a("function");
  });

  it("never gives more than it has, whatever the order", async () => {
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % below;
    };
    const held: Release[] = [];
    let granted = 0;
    for (let step = 0; step < 500; step++) {
      if (random(2) === 0 && held.length > 0) held.splice(random(held.length), 1)[0]?.();
      else {
        const bytes = 1 + random(40);
        budget.acquire(bytes, { turn, signal }).then((release) => {
          granted++;
          held.push(release);
        });
      }
      await Promise.resolve();
      expect(budget.usedBytes).to.be.within(0, 100);
    }
    while (budget.usedBytes > 0) {
      held.shift()?.();
      await settle();
    }
    expect(granted).to.be.greaterThan(100);
  });
});
