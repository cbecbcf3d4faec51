import { expect } from "chai";
import { createCacheReport } from "./report-cache.ts";

describe("createCacheReport", () => {
  it("says what was asked for since it last did, and nothing where that is nothing", () => {
    const counts = { hits: 0, misses: 0, evictions: 0 };
    const said: unknown[] = [];
    const report = createCacheReport({ counts }, { info: (...words) => said.push(words) });
    report();
    expect(said).to.deep.equal([]);
    Object.assign(counts, { hits: 2, misses: 1, evictions: 5 });
    report();
    report();
    Object.assign(counts, { evictions: 6 });
    report();
    Object.assign(counts, { misses: 2 });
    report();
    expect(said).to.deep.equal([
      [{ hits: 2, misses: 1, evictions: 5, hitRatio: 0.667 }, "files from memory"],
      [{ hits: 2, misses: 2, evictions: 6, hitRatio: 0 }, "files from memory"],
    ]);
  });
});
