import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { catchError } from "../testing/sample-records.ts";
import { type SearchLimits, SearchSeats } from "./search-seats.ts";

describe("SearchSeats", () => {
  /** Searches that end when they are told to, and the order in which they began. */
  function createSearches(limits: SearchLimits) {
    const seats = new SearchSeats(limits);
    const begun: string[] = [];
    const ends = new Map<string, PromiseWithResolvers<string>>();
    const run = (name: string, signal?: AbortSignal) => {
      const end = Promise.withResolvers<string>();
      ends.set(name, end);
      const search = async () => {
        begun.push(name);
        return await end.promise;
      };
      return seats.run(search, { signal });
    };
    const end = (name: string) => ends.get(name)?.resolve(name);
    return { begun, run, end, fail: (name: string, error: Error) => ends.get(name)?.reject(error) };
  }

  it("runs so many at once, lets others wait in their order, and refuses the rest", async () => {
    const { begun, run, end } = createSearches({ runningMax: 2, waitingMax: 2 });
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => run(name));
    const refusal = await catchError(() => run("e"));
    expect(refusal).to.include({ code: "resource_exhausted", reason: "OVERLOADED", retryAfterMs: 1000 });
    expect(refusal).to.have.deep.property("details", { searches_running_max: 2, searches_waiting_max: 2 });
    await turn();
    expect(begun).to.deep.equal(["a", "b"]);
    end("b");
    expect(await b).to.equal("b");
    await turn();
    expect(begun).to.deep.equal(["a", "b", "c"]);
    const f = run("f");
    for (const name of ["a", "c"]) end(name);
    expect(await Promise.all([a, c])).to.deep.equal(["a", "c"]);
    for (const name of ["d", "f"]) end(name);
    expect(await Promise.all([d, f])).to.deep.equal(["d", "f"]);
    expect(begun).to.deep.equal(["a", "b", "c", "d", "f"]);
  });

  it("gives the seat of a search that fails to the next", async () => {
    const { begun, run, end, fail } = createSearches({ runningMax: 1, waitingMax: 1 });
    const [a, b] = [run("a"), run("b")];
    const failed = catchError(() => a);
    fail("a", new Error("no database"));
    expect(await failed).to.have.property("message", "no database");
    end("b");
    expect(await b).to.equal("b");
    const c = run("c");
    await turn();
    expect(begun, "the seat is free again").to.deep.equal(["a", "b", "c"]);
    end("c");
    await c;
  });

  it("forgets whoever hangs up before its turn, and runs nothing for whoever has hung up", async () => {
    const { begun, run, end } = createSearches({ runningMax: 1, waitingMax: 1 });
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
