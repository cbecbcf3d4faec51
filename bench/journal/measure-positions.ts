import { setTimeout as delay } from "node:timers/promises";
import { startReplicatedPostgres } from "../../src/devstack/replicated-postgres.ts";
import { createFileRepository } from "../../src/postgres/files/file-repository.ts";
import { createCommitMarks } from "../../src/postgres/journal/commit-marks.ts";
import { createDatabasePool, createDatabasePools } from "../../src/postgres/pool/pool.ts";
import { createReadPool, type ReadPool } from "../../src/postgres/pool/read-pool.ts";
import { CommitPositions } from "../../src/queries/commit-positions.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { fillDatabase, pathOf } from "./journal-trial.ts";
import { toChange } from "./to-change.ts";

/** How often a change is read at the replica. */
export interface PositionsRun {
  readonly tries: number;
}

const CALLERS = 50;
/** The replica shows each change so long after its commit, in milliseconds: some reads wait for it, and some go to the primary. */
const APPLY_DELAY_MS = 50;

/** Counts the reads that miss their caller's own change of a moment ago, at a replica that lags. */
export async function measurePositions({ tries }: PositionsRun, report: (what: string) => void): Promise<FigureRow[]> {
  const servers = await startReplicatedPostgres({ applyDelayMs: APPLY_DELAY_MS });
  const pools = await createDatabasePools({ url: servers.url });
  const openReplica = () => createDatabasePool("replica", { url: servers.readUrl });
  const replica = await openReplica();
  const reads = createReadPool({ primary: pools.queries, openReplica });
  try {
    await fillDatabase(pools.commands, { url: servers.url, files: CALLERS });
    const positions = new CommitPositions(createCommitMarks(pools.commands));
    const files = createFileRepository({ commands: pools.commands, read: reads.read });
    const seen = { missed: 0, missedWithout: 0, atReplica: 0 };
    let left = tries;
    const read: ReadPool = (position, query) =>
      reads.read(position, (pool) => {
        if (pool !== pools.queries) seen.atReplica++;
        return query(pool);
      });
    const behind = createFileRepository({ commands: pools.commands, read });
    const without = createFileRepository({ commands: pools.commands, read: (_position, query) => query(replica) });
    await delay(2 * APPLY_DELAY_MS);
    await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        const [path, principal] = [pathOf(caller), `bench:${caller}`];
        while (left-- > 0) {
          const { metageneration } = await files.update("default", path, toChange(principal));
          await positions.mark(principal);
          const [own, old] = await Promise.all([
            behind.get("default", path, { position: positions.of(principal, undefined) }),
            without.get("default", path),
          ]);
          if ((own?.metageneration ?? 0) < metageneration) seen.missed++;
          if ((old?.metageneration ?? 0) < metageneration) seen.missedWithout++;
        }
      }),
    );
    report(`positions: ${seen.missed} of ${tries} reads missed an own change`);
    return [
      {
        name: `reads at a replica ${APPLY_DELAY_MS} ms behind that miss an own change, ${tries} tries`,
        measured: seen.missed,
        must: { atMost: 0 },
        unit: "count",
        note: `the replica answered ${seen.atReplica} of them; without a position it would have missed ${seen.missedWithout} of as many`,
      },
    ];
  } finally {
    await Promise.all([reads.end(), replica.end(), pools.end()]);
    await servers.stop();
  }
}
