import { join } from "node:path";
import { createFileRepository } from "../../src/postgres/files/file-repository.ts";
import { createDatabasePools, type DatabasePools } from "../../src/postgres/pool/pool.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { createRandom } from "../stage/seeded-random.ts";
import { JournalTrial, pathOf } from "./journal-trial.ts";

/** How many files are looked up, in each of the two ways. */
export interface LookupsRun {
  readonly lookups: number;
}

const CALLERS = 50;
const FILES = 10_000;

/** Measures how many statements GetFile takes while many callers ask at once, for one file and for any of ten thousand: nothing is cached. */
export async function measureLookups(
  directory: string,
  { lookups }: LookupsRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const trial = await JournalTrial.start(join(directory, "lookups"), { files: FILES });
  const pools = await createDatabasePools({ url: trial.url });
  try {
    const rows: FigureRow[] = [];
    for (const paths of [1, FILES]) {
      // The first tenth warms up.
      await lookUp(pools, { paths, lookups: lookups / 10 });
      const { statements, perSecond } = await lookUp(pools, { paths, lookups });
      report(`lookups of ${paths} paths: ${perSecond.toFixed(0)}/s, ${statements} statements`);
      rows.push({
        name: `statements of a GetFile, ${CALLERS} callers on ${paths === 1 ? "one path" : `${paths} paths`}`,
        measured: statements / lookups,
        unit: "ratio",
        must: { atMost: 0.1 },
        note: `${perSecond.toFixed(0)} lookups/s in one process, without a network`,
      });
    }
    return rows;
  } finally {
    await pools.end();
    await trial.stop();
  }
}

async function lookUp(
  pools: DatabasePools,
  { paths, lookups }: { paths: number; lookups: number },
): Promise<{ statements: number; perSecond: number }> {
  let statements = 0;
  const counted = new Proxy(pools.queries, {
    get: (pool, name) => {
      const value = Reflect.get(pool, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        statements++;
        return value.apply(pool, args);
      };
    },
  });
  const files = createFileRepository({ commands: pools.commands, read: (_position, query) => query(counted) });
  const random = createRandom(1);
  let left = lookups;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      while (left-- > 0) await files.get("default", pathOf(Math.floor(paths * random())));
    }),
  );
  return { statements, perSecond: (1000 * lookups) / (performance.now() - begun) };
}
