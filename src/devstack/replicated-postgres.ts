import { execFile } from "node:child_process";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { migrate } from "../postgres/schema/migrate.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded-postgres.ts";

/** How often the role tries to log in at the standby, which shows it once it has replayed that far: for 30 s. */
const LOGIN_TRIES_MAX = 600;
const LOGIN_EVERY_MS = 50;

/** The functions about the write-ahead log that databases such as Aurora do not have. */
const WAL_FUNCTIONS = ["pg_current_wal_lsn", "pg_current_wal_flush_lsn", "pg_current_wal_insert_lsn"].concat([
  "pg_last_wal_replay_lsn",
  "pg_last_wal_receive_lsn",
  "pg_last_xact_replay_timestamp",
]);

/**
 * A primary with the schema, and a hot standby that streams from it. The URLs are those of a role with the rights of a service, which may
 * call none of WAL_FUNCTIONS.
 */
export interface ReplicatedPostgres {
  url: string;
  readUrl: string;
  /** The process of the standby that runs now. */
  readonly replicaPid: number;
  /** Stops the replay: from then on the replica shows the state of that moment. */
  pauseReplay(): Promise<void>;
  resumeReplay(): Promise<void>;
  /** Ends the primary, as a crash does or in order; callers' sessions end in both cases. */
  stopPrimary(options: { isCrash: boolean }): Promise<void>;
  startPrimary(): Promise<void>;
  stopReplica(): Promise<void>;
  startReplica(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts both; the standby is a copy of the primary's data, made while that was stopped. It shows each change `applyDelayMs` after its
 * commit, or as soon as it can.
 */
export async function startReplicatedPostgres({ applyDelayMs = 0 } = {}): Promise<ReplicatedPostgres> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-replica-"));
  const [primaryData, replicaData] = [join(directory, "primary"), join(directory, "replica")];
  const options = { password: "test", durable: false };
  await (await startEmbeddedPostgres({ ...options, dataDirectory: primaryData })).stop();
  await promisify(execFile)("cp", ["-a", primaryData, replicaData]);
  let primary = await startEmbeddedPostgres({ ...options, dataDirectory: primaryData });
  const { port: primaryPort, url: primaryUrl } = primary;
  await migrate({ url: primaryUrl });
  await executeOn(
    primaryUrl,
    `CREATE ROLE service LOGIN PASSWORD 'test'; SELECT grant_to_service('service');
     REVOKE EXECUTE ON FUNCTION ${WAL_FUNCTIONS.join(", ")} FROM PUBLIC`,
  );
  await writeFile(join(replicaData, "standby.signal"), "");
  const source = `host=127.0.0.1 port=${primaryPort} user=sluice password=test`;
  await appendFile(
    join(replicaData, "postgresql.auto.conf"),
    `primary_conninfo = '${source}'\nrecovery_min_apply_delay = ${applyDelayMs}\n`,
  );
  const start = (port?: number) =>
    startEmbeddedPostgres({ ...options, dataDirectory: replicaData, ...(port !== undefined && { port }) });
  let replica: EmbeddedPostgres = await start();
  const { port, url: replicaUrl } = replica;
  await untilLogin(asService(replicaUrl));
  return {
    url: asService(primaryUrl),
    readUrl: asService(replicaUrl),
    get replicaPid() {
      return replica.pid;
    },
    pauseReplay: () => executeOn(replicaUrl, "SELECT pg_wal_replay_pause()"),
    resumeReplay: () => executeOn(replicaUrl, "SELECT pg_wal_replay_resume()"),
    stopPrimary: async ({ isCrash }) => {
      if (!isCrash) return await primary.stop();
      process.kill(primary.pid, "SIGQUIT");
      await primary.exited;
    },
    startPrimary: async () => {
      primary = await startEmbeddedPostgres({ ...options, dataDirectory: primaryData, port: primaryPort });
    },
    stopReplica: () => replica.stop(),
    startReplica: async () => {
      replica = await start(port);
    },
    stop: async () => {
      await replica.stop();
      await primary.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function asService(text: string): string {
  const url = new URL(text);
  url.username = "service";
  return url.href;
}

/** Resolves once the standby knows the role. */
async function untilLogin(url: string): Promise<void> {
  for (let left = LOGIN_TRIES_MAX; ; left--) {
    try {
      return await executeOn(url, "SELECT 1");
    } catch (error) {
      if (left === 0) throw error;
      await delay(LOGIN_EVERY_MS);
    }
  }
}

async function executeOn(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(statement);
  } finally {
    await client.end();
  }
}
