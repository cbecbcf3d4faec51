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
    unsubscribe();
    readiness.report("database", "does not answer");
    expect(seen).to.deep.equal([false, true]);
  });

  it("stays unready once it drains", () => {
    const readiness = new Readiness(["database"]);
    readiness.drain();
    readiness.report("database", undefined);
    readiness.report("server", undefined);
    expect(readiness.isReady).to.equal(false);
    expect(readiness.isDraining).to.equal(true);
    expect(readiness.problems).to.deep.equal([{ component: "server", problem: "is shutting down" }]);
  });
});
