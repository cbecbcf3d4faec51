import { execFile } from "node:child_process";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { migrate } from "../../postgres/schema/migrate.ts";

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
  /** Stops the replay: from then on the replica shows the state of that moment. */
  pauseReplay(): Promise<void>;
  resumeReplay(): Promise<void>;
  stopReplica(): Promise<void>;
  startReplica(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts both; the standby is a copy of the primary's data, made while that was stopped. */
export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-test-replica-"));
  const [primaryData, replicaData] = [join(directory, "primary"), join(directory, "replica")];
  const options = { password: "test", durable: false };
  await (await startEmbeddedPostgres({ ...options, dataDirectory: primaryData })).stop();
  await promisify(execFile)("cp", ["-a", primaryData, replicaData]);
  const primary = await startEmbeddedPostgres({ ...options, dataDirectory: primaryData });
  await migrate({ url: primary.url });
  await executeOn(
    primary.url,
    `CREATE ROLE service LOGIN PASSWORD 'test'; SELECT grant_to_service('service');
     REVOKE EXECUTE ON FUNCTION ${WAL_FUNCTIONS.join(", ")} FROM PUBLIC`,
  );
  await writeFile(join(replicaData, "standby.signal"), "");
  const source = `host=127.0.0.1 port=${primary.port} user=sluice password=test`;
  await appendFile(join(replicaData, "postgresql.auto.conf"), `primary_conninfo = '${source}'\n`);
  const start = (port?: number) =>
    startEmbeddedPostgres({ ...options, dataDirectory: replicaData, ...(port !== undefined && { port }) });
  let replica: EmbeddedPostgres = await start();
  const { port, url: replicaUrl } = replica;
  return {
    url: asService(primary.url),
    readUrl: asService(replicaUrl),
    pauseReplay: () => executeOn(replicaUrl, "SELECT pg_wal_replay_pause()"),
    resumeReplay: () => executeOn(replicaUrl, "SELECT pg_wal_replay_resume()"),
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

async function executeOn(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}
