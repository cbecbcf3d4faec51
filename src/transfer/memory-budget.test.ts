import { expect } from "chai";
import { settle } from "../testing/fakes/settle.ts";
import { useCollectedMetrics } from "../testing/rigs/telemetry/collected-metrics.ts";
import { type Holder, MemoryBudget, type Permit } from "./memory-budget.ts";

describe("MemoryBudget", () => {
  const metrics = useCollectedMetrics();
  let budget: MemoryBudget;
  let now: number;
  const { signal } = new AbortController();
  const turn = { namespace: "n", uploadId: "a" };
  const POLICY = { stepBytes: 10, slowAfterMs: 1000, slowFactor: 4, now: () => now };
  beforeEach(() => {
    now = 0;
    budget = new MemoryBudget(100, POLICY);
  });

  /** Takes bytes at once; throws when they are not free. */
  const take = (bytes: number): Permit => {
    const permit = budget.open();
    expect(budget.tryGrow(permit, bytes), `${bytes} bytes are free`).to.equal(true);
    return permit;
  };
  const isFree = (bytes: number) => {
    const permit = budget.open();
    const isGranted = budget.tryGrow(permit, bytes);
    budget.release(permit);
    return isGranted;
  };

  /** Waits for growth; tells when it has come. */
  const wait = (bytes: number, { uploadId = "a", waitSignal = signal, permit = budget.open() } = {}) => {
    const waiting: { permit: Permit; isGranted: boolean; error: unknown } = {
      permit,
      isGranted: false,
      error: undefined,
    };
    budget.grow(permit, bytes, { turn: { namespace: "n", uploadId }, signal: waitSignal }).then(
      () => {
        waiting.isGranted = true;
      },
      (error) => {
        waiting.error = error;
      },
    );
    return waiting;
  };

  it("gives permits up to its bytes, and no more", () => {
    const first = take(60);
    expect(isFree(41)).to.equal(false);
    const second = take(40);
    expect([budget.usedBytes, first.bytes]).to.deep.equal([100, 60]);
    budget.release(first);
    budget.release(first);
    budget.release(second);
    expect(budget.usedBytes).to.equal(0);
  });

  it("measures how long parts wait, those that give up as well, and nothing where there is no wait", async () => {
    const permit = take(100);
    const stopping = new AbortController();
    wait(10);
    wait(10, { waitSignal: stopping.signal });
    now = 1500;
    stopping.abort(new Error("the caller is gone"));
    await settle();
    now = 2000;
    budget.release(permit);
    await settle();
    expect(await metrics.read("sluice.memory.wait.duration")).to.deep.equal([[{ count: 2, sum: 3.5 }, {}]]);
  });

  it("lets permits grow and shrink, and takes them back once", () => {
    const permit = take(60);
    expect(budget.tryGrow(permit, 30)).to.equal(true);
    expect(budget.tryGrow(permit, 11)).to.equal(false);
    budget.shrink(permit, 20);
    budget.shrink(permit, 50);
    expect([permit.bytes, budget.usedBytes]).to.deep.equal([20, 20]);
    budget.release(permit);
    expect([permit.bytes, budget.usedBytes]).to.deep.equal([0, 0]);
  });

  it("lets those that wait take their turn, also before small ones that would fit", async () => {
    const held = take(80);
    const large = wait(50);
    const small = wait(10);
    await settle();
    expect([large.isGranted, small.isGranted]).to.deep.equal([false, false]);
    expect(isFree(1)).to.equal(false);
    budget.release(held);
    await settle();
    expect(budget.usedBytes).to.equal(60);
  });

  it("serves as many as fit when bytes come back", async () => {
    const held = take(100);
    const waiting = [30, 30, 50, 10].map((bytes) => wait(bytes));
    budget.shrink(held, 0);
    await settle();
    expect(waiting.map(({ isGranted }) => isGranted)).to.deep.equal([true, true, false, false]);
    budget.release((waiting[0] as { permit: Permit }).permit);
    await settle();
    expect(waiting.map(({ isGranted }) => isGranted)).to.deep.equal([true, true, true, true]);
    expect(budget.usedBytes).to.equal(90);
  });

  it("serves uploads in turns, however many permits one waits for", async () => {
    const held = take(100);
    const order: string[] = [];
    for (const uploadId of ["a", "a", "a", "b"]) {
      const permit = budget.open();
      budget.grow(permit, 100, { turn: { namespace: "n", uploadId }, signal }).then(() => {
        order.push(uploadId);
        budget.release(permit);
      });
    }
    budget.release(held);
    await settle();
    expect(order.join("")).to.equal("abaa");
  });

  it("lets the next go ahead when one gives up waiting", async () => {
    const held = take(80);
    const controller = new AbortController();
    const large = wait(50, { waitSignal: controller.signal });
    const small = wait(20);
    const reason = new Error("the caller hung up");
    controller.abort(reason);
    await settle();
    expect(large.error).to.equal(reason);
    expect(small.isGranted).to.equal(true);
    budget.release(held);
    budget.release(small.permit);
    expect(budget.usedBytes).to.equal(0);
  });

  it("does not heed a signal once the permit is there, and refuses one that is aborted already", async () => {
    const held = take(100);
    const controller = new AbortController();
    const waiting = wait(50, { waitSignal: controller.signal });
    budget.release(held);
    controller.abort(new Error("too late"));
    await settle();
    expect([waiting.isGranted, budget.usedBytes]).to.deep.equal([true, 50]);
    const late = wait(1, { waitSignal: controller.signal });
    await settle();
    expect([(late.error as Error).message, budget.usedBytes]).to.deep.equal(["too late", 50]);
  });

  it("takes a permit greater than itself for the bug it is", () => {
    const permit = take(60);
    expect(() => budget.grow(permit, 41, { turn, signal })).to.throw("a permit of 101 bytes; the budget is 100");
  });

  it("overdraws, and has others wait until that is repaid", async () => {
    const held = take(100);
    const overdrawn = budget.open();
    budget.overdraw(overdrawn, 20);
    expect(budget.usedBytes).to.equal(120);
    const waiting = wait(10);
    budget.release(overdrawn);
    await settle();
    expect(waiting.isGranted).to.equal(false);
    budget.release(held);
    await settle();
    expect(waiting.isGranted).to.equal(true);
  });

  it("leaves parts what streams do not take, a quarter at least, and lets one that is alone have all", async () => {
    let streams = 3;
    budget = new MemoryBudget(100, { ...POLICY, streamBytes: 10, streams: () => streams });
    expect([isFree(70), isFree(80)], "alone").to.deep.equal([true, true]);
    const first = take(40);
    expect([isFree(30), isFree(31)]).to.deep.equal([true, false]);
    streams = 100;
    const second = wait(10);
    await settle();
    expect(second.isGranted, "40 are more than a quarter").to.equal(false);
    budget.shrink(first, 15);
    await settle();
    expect(second.isGranted).to.equal(true);
    budget.rebalance();
    streams = 0;
    budget.release(first);
    const third = wait(60);
    await settle();
    expect(third.isGranted, "streams that have ended count for a while").to.equal(false);
    for (let round = 0; round < 200 && !third.isGranted; round++) {
      budget.rebalance();
      await settle();
    }
    expect(third.isGranted).to.equal(true);
  });

  it("lets whole parts be put together one at a time, beyond its bytes if need be", async () => {
    const first = take(60);
    const second = take(20);
    const third = take(20);
    const done: string[] = [];
    const caller = new AbortController();
    const complete = (name: string, permit: Permit, waitSignal = signal) =>
      budget.restore(permit, 10, waitSignal).then(
        () => void done.push(name),
        (error: Error) => void done.push(error.message),
      );
    const all = [complete("first", first), complete("second", second, caller.signal), complete("third", third)];
    await settle();
    expect([done, budget.usedBytes]).to.deep.equal([["first"], 110]);
    caller.abort(new Error("gone"));
    await settle();
    expect(done).to.deep.equal(["first", "gone"]);
    budget.release(second);
    await settle();
    expect(done, "the first is not done yet").to.have.length(2);
    budget.release(first);
    await Promise.all(all);
    expect([done.at(-1), budget.usedBytes]).to.deep.equal(["third", 30]);
    budget.release(third);
    const fourth = take(50);
    await complete("fourth", fourth);
    await complete("aborted", fourth, caller.signal);
    expect([done.slice(3), budget.usedBytes], "nobody has to wait where bytes are free").to.deep.equal([
      ["fourth", "gone"],
      60,
    ]);
  });

  it("wishes for a step, what comes in two seconds, or all, by the pace", () => {
    expect(budget.wish(5, undefined), "less than a step").to.equal(5);
    expect(budget.wish(100, undefined), "nothing is known").to.equal(10);
    expect(budget.wish(100, 0.001), "slow").to.equal(10);
    expect(budget.wish(100, 0.02), "less slow").to.equal(40);
    expect(budget.wish(100, 0.1), "fast").to.equal(100);
  });

  /** A part of `lengthBytes` whose permit grows as its bytes come; a spill takes until `stored`. */
  class Part implements Holder {
    readonly permit = budget.open();
    readonly uploadId: string;
    readonly lengthBytes: number;
    passedBytes = 0;
    spilledBytes = 0;
    spillingBytes = 0;
    trims = 0;
    growth: ReturnType<typeof wait> | undefined;
    completion: Promise<void> | undefined;

    constructor(uploadId: string, lengthBytes: number, permitBytes: number) {
      this.uploadId = uploadId;
      this.lengthBytes = lengthBytes;
      expect(budget.tryGrow(this.permit, permitBytes)).to.equal(true);
      budget.watch(this.permit, this);
    }

    get heldBytes(): number {
      return this.passedBytes - this.spilledBytes;
    }

    get restBytes(): number {
      return Math.max(1, this.lengthBytes - this.passedBytes);
    }

    onTrimmed(): void {
      this.trims++;
    }

    spill(): number {
      if (this.spillingBytes > 0 || this.heldBytes < budget.stepBytes) return 0;
      this.spillingBytes = this.heldBytes;
      return this.spillingBytes;
    }

    /** What it was putting elsewhere is there. */
    stored(): void {
      this.spilledBytes += this.spillingBytes;
      budget.shrink(this.permit, this.permit.bytes - this.spillingBytes);
      this.spillingBytes = 0;
    }

    /** Takes what its caller sends, as far as the permit goes; asks for more where that ends. */
    arrive(bytes: number): void {
      const room = this.permit.bytes - this.heldBytes;
      this.passedBytes += Math.min(bytes, room, this.lengthBytes - this.passedBytes);
      const isFull = this.permit.bytes <= this.heldBytes && this.passedBytes < this.lengthBytes;
      if (!isFull || (this.growth !== undefined && !this.growth.isGranted)) return;
      const pace = budget.paceOf(this.permit);
      const missing = this.lengthBytes - this.spilledBytes - this.permit.bytes;
      const wished = Math.min(missing, budget.wish(this.restBytes, pace));
      this.growth = wait(wished, { uploadId: this.uploadId, permit: this.permit });
    }
  }

  /** Lets time pass, with a rebalance each 250 ms. */
  const pass = (ms: number, each: () => void = () => {}) => {
    for (const end = now + ms; now < end; ) {
      now += 250;
      each();
      budget.rebalance();
    }
  };

  describe("while somebody waits", () => {
    it("takes back what slow parts do not use, but a step, and leaves fast ones alone", async () => {
      const slow = new Part("slow", 60, 60);
      const fast = new Part("fast", 40, 40);
      const waiting = wait(20, { uploadId: "other" });
      slow.passedBytes = 1;
      pass(500, () => {
        fast.passedBytes += 15;
      });
      await settle();
      expect([slow.permit.bytes, slow.trims, fast.permit.bytes, fast.trims]).to.deep.equal([11, 1, 40, 0]);
      expect(waiting.isGranted).to.equal(true);
    });

    it("has slow parts spill, the largest first and no more than is needed", async () => {
      const parts = [30, 50, 20].map((bytes, index) => new Part(String(index), 60, bytes));
      for (const part of parts) part.passedBytes = part.permit.bytes;
      pass(5000);
      const waiting = wait(45, { uploadId: "other" });
      pass(500);
      expect(parts.map(({ spillingBytes }) => spillingBytes)).to.deep.equal([0, 50, 0]);
      expect(budget.usedBytes, "until they are elsewhere the bytes are here").to.equal(100);
      parts[1]?.stored();
      await settle();
      expect([waiting.isGranted, budget.usedBytes]).to.deep.equal([true, 95]);
    });

    it("leaves slow parts alone while nobody does", () => {
      const part = new Part("slow", 60, 60);
      part.passedBytes = 20;
      pass(10_000);
      expect([part.permit.bytes, part.spillingBytes]).to.deep.equal([60, 0]);
    });

    it("calls slow what is much slower than the others: on a slow machine no part spills", async () => {
      for (let round = 0; round < 50; round++) {
        const part = new Part("one", 50, 50);
        pass(3000, () => part.arrive(5));
        budget.unwatch(part.permit);
        budget.release(part.permit);
      }
      const part = new Part("late", 60, 60);
      pass(3000, () => part.arrive(2));
      wait(100, { uploadId: "other" });
      pass(1000, () => part.arrive(2));
      expect([part.trims, part.spillingBytes]).to.deep.equal([0, 0]);
    });

    it("does not hold it against a part that it had to wait itself", async () => {
      const part = new Part("held-back", 60, 10);
      const other = take(90);
      now = 10;
      part.arrive(10);
      expect(part.growth?.isGranted).to.equal(false);
      pass(60_000);
      expect([part.spillingBytes, part.trims]).to.deep.equal([0, 0]);
      budget.release(other);
      await settle();
      expect(part.permit.bytes, "it is fast, and gets the rest").to.equal(60);
    });

    it("has parts that wait spill when nothing else is left", async () => {
      const parts = [0, 1, 2, 3, 4].map((index) => new Part(String(index), 60, 20));
      now = 10;
      for (const part of parts) part.arrive(20);
      pass(250);
      expect(parts.filter(({ spillingBytes }) => spillingBytes > 0)).to.have.length(2);
      for (const part of parts) if (part.spillingBytes > 0) part.stored();
      await settle();
      expect(parts.filter(({ growth }) => growth?.isGranted === true)).to.have.length(1);
    });
  });

  it("starves nobody and gives never more than it has, however uploads come and go", async () => {
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    // As configured: the steps of all uploads together are a quarter, so that whole parts always find room in the rest.
    const stepBytes = 3;
    budget = new MemoryBudget(360, { ...POLICY, stepBytes });
    const uploads = Array.from({ length: 30 }, (_, index) => ({
      uploadId: String(index),
      // One in three brings a byte a rebalance, the others much more.
      bytesPerLook: index % 3 === 0 ? 1 : 20 + random(80),
      part: undefined as Part | undefined,
      whole: 0,
    }));
    for (let step = 0; step < 6000; step++) {
      now += 250;
      for (const upload of uploads) {
        const { part } = upload;
        if (part === undefined) {
          const permit = budget.open();
          if (!budget.tryGrow(permit, stepBytes)) continue;
          budget.release(permit);
          upload.part = new Part(upload.uploadId, 90, stepBytes);
          continue;
        }
        if (part.spillingBytes > 0 && random(2) === 0) part.stored();
        part.arrive(upload.bytesPerLook);
        if (part.passedBytes < part.lengthBytes || part.spillingBytes > 0) continue;
        // Whole: sent once it is put together.
        if (part.completion === undefined) {
          budget.unwatch(part.permit);
          budget.shrink(part.permit, part.heldBytes);
          part.completion = budget.restore(part.permit, part.lengthBytes - part.permit.bytes, signal);
        }
        if (part.permit.bytes < part.lengthBytes) continue;
        budget.release(part.permit);
        upload.part = undefined;
        upload.whole++;
      }
      budget.rebalance();
      await Promise.resolve();
      expect(budget.usedBytes, "one part at a time may go beyond").to.be.within(0, 360 + 90);
    }
    const wholes = uploads.map(({ whole }) => whole);
    expect(Math.min(...wholes), `parts of each: ${wholes.join(" ")}`).to.be.greaterThan(3);
  });
});
