import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { catchError } from "../../testing/samples/sample-records.ts";
import { WorkLimiter, type WorkLimits } from "./work-limiter.ts";

/** Work that ends when it is told to, and the order in which it began. Its caller is the letter that its name begins with. */
function createWork(limits: WorkLimits) {
  const limiter = new WorkLimiter("searches", limits);
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const run = (name: string, signal?: AbortSignal) => {
    const end = Promise.withResolvers<string>();
    ends.set(name, end);
    const work = async () => {
      begun.push(name);
      return await end.promise;
    };
    return limiter.run(name[0] as string, work, { signal });
  };
  const end = (name: string) => ends.get(name)?.resolve(name);
  return { limiter, begun, run, end, fail: (name: string, error: Error) => ends.get(name)?.reject(error) };
}

describe("WorkLimiter", () => {
  it("runs so much at once, lets more wait in its order, and refuses the rest", async () => {
    const { limiter, begun, run, end } = createWork({ runningMax: 2, waitingMax: 2 });
    const [a1, a2, a3, a4] = ["a1", "a2", "a3", "a4"].map((name) => run(name));
    const refusal = await catchError(() => run("a5"));
    expect(refusal).to.include({ code: "resource_exhausted", reason: "OVERLOADED", retryAfterMs: 1000 });
    expect(refusal).to.have.property("message", "2 searches run here and 2 wait, the most at once; try again");
    expect(refusal).to.have.deep.property("details", { work: "searches", running_max: 2, waiting_max: 2 });
    await turn();
    expect(begun).to.deep.equal(["a1", "a2"]);
    end("a2");
    expect(await a2).to.equal("a2");
    await turn();
    expect(begun).to.deep.equal(["a1", "a2", "a3"]);
    const a5 = run("a5");
    for (const name of ["a1", "a3"]) end(name);
    expect(await Promise.all([a1, a3])).to.deep.equal(["a1", "a3"]);
    await turn();
    for (const name of ["a4", "a5"]) end(name);
    expect(await Promise.all([a4, a5])).to.deep.equal(["a4", "a5"]);
    expect(begun).to.deep.equal(["a1", "a2", "a3", "a4", "a5"]);
    expect(limiter.running).to.equal(0);
  });

  it("gives turns to callers, and not to the requests of the busiest", async () => {
    const { begun, run, end } = createWork({ runningMax: 1, waitingMax: 100 });
    const names = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"];
    const all = names.map((name) => run(name));
    for (let ended = 0; ended < names.length; ended++) {
      await turn();
      end(begun[ended] as string);
    }
    await Promise.all(all);
    expect(begun).to.deep.equal(["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
  });

  it("gives the place of the newest work of whoever has most waiting to a caller with less, once no more can wait", async () => {
    const { begun, run, end } = createWork({ runningMax: 1, waitingMax: 5, callerShare: 1 });
    const [a1, a2, a3, a4] = ["a1", "a2", "a3", "a4"].map((name) => run(name));
    const [c1, c2] = ["c1", "c2"].map((name) => run(name));
    const displaced = catchError(() => a4);
    const b1 = run("b1");
    expect(await displaced).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    // Now all have one or two waiting: nobody has enough to give a place to a second one of b's.
    expect(await catchError(() => run("b2"))).to.include({ reason: "OVERLOADED" });
    for (const name of ["a1", "a2", "c1", "b1", "a3", "c2"]) {
      await turn();
      end(name);
    }
    await Promise.all([a1, a2, a3, b1, c1, c2]);
    expect([...begun].sort()).to.deep.equal(["a1", "a2", "a3", "b1", "c1", "c2"]);
  });

  it("keeps an eighth of what may run and of what may wait from any single caller", async () => {
    const { begun, run, end } = createWork({ runningMax: 8, waitingMax: 8 });
    const own = Array.from({ length: 14 }, (_, i) => run(`a${i + 1}`));
    const refusal = await catchError(() => run("a15"));
    expect(refusal).to.include({ code: "resource_exhausted", reason: "OVERLOADED" });
    expect(refusal).to.have.property(
      "message",
      "you have 7 searches waiting here, the most for one caller; let some of them end, then try again",
    );
    const [b1, b2] = [run("b1"), run("b2")];
    await turn();
    expect(begun.slice(7), "the eighth place is free for another").to.deep.equal(["b1"]);
    for (let i = 1; i <= 14; i++) {
      end(`a${i}`);
      await turn();
    }
    for (const name of ["b1", "b2"]) end(name);
    await Promise.all([...own, b1, b2]);
  });

  it("says whose places are taken where nothing may wait", async () => {
    const { limiter } = createWork({ runningMax: 8, waitingMax: 0 });
    const leaves = await Promise.all(Array.from({ length: 7 }, () => limiter.enter("a")));
    expect(await catchError(() => limiter.enter("a")))
      .to.have.property("message")
      .that.contains("you have 7 searches");
    leaves.push(await limiter.enter("b"));
    expect(await catchError(() => limiter.enter("c")))
      .to.have.property("message")
      .that.contains("8 searches run here, the most at once");
    for (const leave of leaves) leave();
    for (const leave of leaves) leave();
    expect(limiter.running, "each leaves once").to.equal(0);
  });

  it("gives the place of what fails to the next", async () => {
    const { begun, run, end, fail } = createWork({ runningMax: 1, waitingMax: 1 });
    const [a, b] = [run("a"), run("b")];
    const failed = catchError(() => a);
    fail("a", new Error("no database"));
    expect(await failed).to.have.property("message", "no database");
    end("b");
    expect(await b).to.equal("b");
    const c = run("c");
    await turn();
    expect(begun, "the place is free again").to.deep.equal(["a", "b", "c"]);
    end("c");
    await c;
  });

  it("forgets whoever hangs up before its turn, and runs nothing for whoever has hung up", async () => {
    const { begun, run, end } = createWork({ runningMax: 1, waitingMax: 1 });
    const a = run("a");
    const hangUp = new AbortController();
    const b = catchError(() => run("b", hangUp.signal));
    hangUp.abort(new Error("gone"));
    expect(await b).to.have.property("message", "gone");
    const c = run("c");
    end("a");
    await a;
    end("c");
    await c;
    expect(await catchError(() => run("d", hangUp.signal))).to.have.property("message", "gone");
    expect(begun).to.deep.equal(["a", "c"]);
  });
});
