import { GCProfiler } from "node:v8";
import { expect } from "chai";
import { sql } from "slonik";
import { createTestDatabase } from "../testing/postgres.ts";
import { createDatabasePool } from "./pool.ts";

/** What a heap had in one of its spaces, in bytes. */
type Spaces = { heapSpaceStatistics: { spaceName: string; spaceUsedSize: number }[] };

describe("the rows of a pool's queries", () => {
  it("do not outlive the collection that comes after their use", async () => {
    const database = await createTestDatabase();
    const pool = await createDatabasePool("test", { url: database.url, limits: { connectionsMax: 1 } });
    const profiler = new GCProfiler();
    profiler.start();
    for (let query = 0; query < 1000; query++) {
      const rows: readonly unknown[] = await pool.any(sql.unsafe`
        SELECT md5(i::text) AS a, md5(i::text) AS b, md5(i::text) AS c, md5(i::text) AS d FROM generate_series(1, 100) i`);
      // No assertion: it might keep them.
      if (rows.length !== 100) throw new Error(`${rows.length} rows`);
    }
    const scavenges = profiler.stop().statistics.filter(({ gcType }) => gcType === "Scavenge");
    await pool.end();
    await database.drop();
    const survived = sum(scavenges.map(({ beforeGC, afterGC }) => used(afterGC) - used(beforeGC, "old_space")));
    const allocated = sum(scavenges.map(({ beforeGC }) => used(beforeGC, "new_space")));
    expect(scavenges.length).to.be.at.least(3);
    expect(survived / allocated).to.be.below(0.15);
  });
});

function used({ heapSpaceStatistics }: Spaces, space?: string): number {
  const names = space === undefined ? ["new_space", "old_space"] : [space];
  const found = heapSpaceStatistics.filter(({ spaceName }) => names.includes(spaceName));
  return sum(found.map(({ spaceUsedSize }) => spaceUsedSize));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
