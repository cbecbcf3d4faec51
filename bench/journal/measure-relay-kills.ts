import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { createFileRepository } from "../../src/postgres/files/file-repository.ts";
import { createDatabasePools } from "../../src/postgres/pool/pool.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { createRandom } from "../stage/seeded-random.ts";
import { JournalTrial, pathOf } from "./journal-trial.ts";
import { type Acknowledged, judgeEntries } from "./measure-kills.ts";
import { toChange } from "./to-change.ts";

/** How often a relay is killed, and the seed of the moments. */
export interface RelayKillsRun {
  readonly relayKills: number;
  readonly seed: number;
}

const RELAYS = 2;
const WRITERS = 8;
const FILES = 50;
/** Longest wait between two kills, in milliseconds: a look takes some milliseconds, so kills come in the middle of many. */
const PAUSE_MAX_MS = 20;
const RELAY_NAME = "sluice relay";

/** Has relays number what writers change while their connections are cut at seeded moments, and judges what is left. */
export async function measureRelayKills(
  directory: string,
  { relayKills, seed }: RelayKillsRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const random = createRandom(seed);
  const trial = await JournalTrial.start(join(directory, "relay-kills"), { files: FILES });
  const pools = await createDatabasePools({ url: trial.url });
  const killer = new Client({ connectionString: trial.url });
  const stopping = new AbortController();
  try {
    await killer.connect();
    const { commands } = pools;
    const files = createFileRepository({ commands, read: (_position, query) => query(commands) });
    const acknowledged: Acknowledged[] = [];
    const writing = Array.from({ length: WRITERS }, async (_, writer) => {
      for (let nth = writer; !stopping.signal.aborted; nth += 7) {
        const path = pathOf(nth % FILES);
        const { metageneration } = await files.update("default", path, toChange("bench:writer"));
        acknowledged.push({ path, metageneration });
      }
    });
    const relays = Array.from({ length: RELAYS }, () => relayUntil(trial.url, stopping.signal));
    let killed = 0;
    while (killed < relayKills) {
      await delay(PAUSE_MAX_MS * random());
      // One of them, at whatever statement it is.
      const { rows } = await killer.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1 ORDER BY pid",
        [RELAY_NAME],
      );
      const victim = rows[Math.floor(rows.length * random())];
      if (victim === undefined) continue;
      await killer.query("SELECT pg_terminate_backend($1)", [victim.pid]);
      killed++;
    }
    stopping.abort();
    await Promise.all([...writing, ...relays]);
    report(`relay killed ${killed} times beside ${acknowledged.length} changes`);
    return await judgeEntries(trial, acknowledged, {
      name: `relay killed at ${relayKills} moments`,
      note: `${acknowledged.length} changes meanwhile`,
    });
  } finally {
    await killer.end();
    await pools.end();
    await trial.stop();
  }
}

/** Numbers entries until the signal as the relay does, over a new connection after each kill. */
async function relayUntil(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const client = new Client({ connectionString: url, application_name: RELAY_NAME });
    // A kill is told twice: the statement under way rejects, too.
    client.on("error", () => {});
    try {
      await client.connect();
      while (!signal.aborted) await client.query("SELECT journal_number_new()");
    } catch (error) {
      if (!isKill(error)) throw error;
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/** Whether the error says that a connection was cut. The server may have sent 57P01 before, or nothing. */
function isKill(error: unknown): boolean {
  const { code = "", message = "" } = error as { code?: string; message?: string };
  return (
    code === "57P01" ||
    code === "ECONNRESET" ||
    /^Connection terminated|^Client has encountered a connection error/.test(message)
  );
}
