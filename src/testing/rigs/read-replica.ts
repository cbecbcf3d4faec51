import { execFile } from "node:child_process";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../devstack/embedded-postgres.ts";
import { migrate } from "../../postgres/schema/migrate.ts";

/** A primary with the schema, and a hot standby that streams from it. */
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
  await writeFile(join(replicaData, "standby.signal"), "");
  const source = `host=127.0.0.1 port=${primary.port} user=sluice password=test`;
  await appendFile(join(replicaData, "postgresql.auto.conf"), `primary_conninfo = '${source}'\n`);
  const start = (port?: number) =>
    startEmbeddedPostgres({ ...options, dataDirectory: replicaData, ...(port !== undefined && { port }) });
  let replica: EmbeddedPostgres = await start();
  const { port, url: readUrl } = replica;
  const execute = async (statement: string) => {
    const client = new Client({ connectionString: readUrl });
    await client.connect();
    await client.query(statement).finally(() => client.end());
  };
  return {
    url: primary.url,
    readUrl,
    pauseReplay: () => execute("SELECT pg_wal_replay_pause()"),
    resumeReplay: () => execute("SELECT pg_wal_replay_resume()"),
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
