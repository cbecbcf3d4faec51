// `node measure-row-survival.ts URL` asks the database of the URL for pages of rows and prints which part of all that was
// allocated survived the short collections, as JSON. A process of its own: in one that has done other things V8 may have
// decided to allocate some of it among old objects, for their sake.
import { GCProfiler } from "node:v8";
import { sql } from "slonik";
import { createDatabasePool } from "../../../postgres/pool/pool.ts";

const QUERIES = 1000;
const ROWS = 100;

type Spaces = { heapSpaceStatistics: { spaceName: string; spaceUsedSize: number }[] };

const [url = ""] = process.argv.slice(2);
const pool = await createDatabasePool("survival", { url, limits: { connectionsMax: 1 } });
const profiler = new GCProfiler();
profiler.start();
for (let query = 0; query < QUERIES; query++) {
  const rows: readonly unknown[] = await pool.any(sql.unsafe`
    SELECT md5(i::text) AS a, md5(i::text) AS b, md5(i::text) AS c, md5(i::text) AS d FROM generate_series(1, ${ROWS}) i`);
  if (rows.length !== ROWS) throw new Error(`${rows.length} rows`);
}
const scavenges = profiler.stop().statistics.filter(({ gcType }) => gcType === "Scavenge");
await pool.end();
const survived = sum(
  scavenges.map(({ beforeGC, afterGC }) => used(afterGC, "new_space", "old_space") - used(beforeGC, "old_space")),
);
const allocated = sum(scavenges.map(({ beforeGC }) => used(beforeGC, "new_space")));
process.stdout.write(JSON.stringify({ scavenges: scavenges.length, part: survived / allocated }));

function used({ heapSpaceStatistics }: Spaces, ...names: string[]): number {
  const found = heapSpaceStatistics.filter(({ spaceName }) => names.includes(spaceName));
  return sum(found.map(({ spaceUsedSize }) => spaceUsedSize));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
