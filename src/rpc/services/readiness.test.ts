import { expect } from "chai";
import { Readiness } from "./readiness.ts";

describe("Readiness", () => {
  it("is not ready until every component has reported itself well", () => {
    const readiness = new Readiness(["database", "storage"]);
    expect(readiness.problems.map(({ component }) => component)).to.deep.equal(["database", "storage"]);
    readiness.report("database", undefined);
    expect(readiness.isReady).to.equal(false);
    readiness.report("storage", undefined);
    expect(readiness.isReady).to.equal(true);
    expect(readiness.problems).to.deep.equal([]);
  });

  it("tells subscribers of changes only, until they leave", () => {
    const readiness = new Readiness([]);
    const seen: boolean[] = [];
    const unsubscribe = readiness.subscribe(() => seen.push(readiness.isReady));
    readiness.report("database", undefined);
    readiness.report("database", "does not answer");
    readiness.report("database", "does not answer");
    readiness.report("database", undefined);
    readiness.degrade("storage", "does not answer");
    readiness.degrade("storage", "does not answer");
    readiness.degrade("storage", undefined);
    unsubscribe();
    readiness.report("database", "does not answer");
    expect(seen).to.deep.equal([false, true, true, true]);
  });

  it("says since when, from the first problem of a component to its last, and of whom", () => {
    let now = new Date("2026-01-01T00:00:00Z");
    const readiness = new Readiness([], { now: () => now });
    readiness.degrade("buckets", "one is away", { namespaces: ["a"] });
    now = new Date("2026-01-01T00:01:00Z");
    readiness.degrade("buckets", "two are away", { namespaces: ["a", "b"] });
    const since = new Date("2026-01-01T00:00:00Z");
    const problem = { component: "buckets", problem: "two are away", since, namespaces: ["a", "b"] };
    expect(readiness.degradations).to.deep.equal([problem]);
    readiness.degrade("buckets", undefined);
    expect(readiness.degradations).to.deep.equal([]);
    readiness.degrade("buckets", "one is away again");
    expect(readiness.degradations[0]?.since).to.deep.equal(now);
  });

  it("knows which components have a problem of either kind", () => {
    const readiness = new Readiness(["database"]);
    expect(readiness.hasProblem(["database"])).to.equal(true);
    readiness.report("database", undefined);
    expect(readiness.hasProblem(["database", "storage"])).to.equal(false);
    readiness.degrade("storage", "does not answer");
    expect(readiness.hasProblem(["database", "storage"])).to.equal(true);
    expect(readiness.isReady).to.equal(true);
  });

  it("stays unready once it drains", () => {
    const now = new Date("2026-01-01T00:00:00Z");
    const readiness = new Readiness(["database"], { now: () => now });
    readiness.drain();
    readiness.report("database", undefined);
    readiness.report("server", undefined);
    expect(readiness.isReady).to.equal(false);
    expect(readiness.isDraining).to.equal(true);
    const problem = { component: "server", problem: "is shutting down", since: now, namespaces: [] };
    expect(readiness.problems).to.deep.equal([problem]);
  });
});
