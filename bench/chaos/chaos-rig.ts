import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startReplicatedPostgres } from "../../src/devstack/replicated-postgres.ts";
import { KILL_TOKEN, serviceEnvironment } from "../kills/kill-rig.ts";
import { openOrphanSearch } from "../kills/orphan-search.ts";
import { S3_BACKENDS } from "../kills/s3-backend.ts";
import { type S3Relay, startS3Relay } from "../kills/s3-relay.ts";
import { type FaultProxy, startFaultProxy } from "./faults/fault-proxy.ts";
import { Replica } from "./faults/replica.ts";

/** Token of all callers. */
export const CHAOS_TOKEN = KILL_TOKEN;

/** The setup that faults strike. */
export interface ChaosRigOptions {
  readonly s3: keyof typeof S3_BACKENDS;
  readonly replicas: number;
  /** Smallest size of parts; the S3 server may insist on larger ones. */
  readonly partSizeBytes: number;
}

/**
 * Replicas of the service as processes, PostgreSQL with a standby, and an S3 server. Each replica reaches each of these by a line of its
 * own, which can fail, and is reached by one. The first replica has no read replica: each of its answers is of the newest state.
 */
export interface ChaosRig {
  readonly replicas: readonly Replica[];
  /** The lines of all replicas to the primary, and to S3. */
  readonly databaseLines: readonly FaultProxy[];
  readonly storageLines: readonly FaultProxy[];
  readonly storage: Pick<S3Relay, "refuses">;
  readonly database: Awaited<ReturnType<typeof startReplicatedPostgres>>;
  readonly partSizeBytes: number;
  /** Runs SQL on the primary, by a connection of its own. */
  query(statement: string): Promise<Record<string, unknown>[]>;
  /** Sweeps, and resolves to what the bucket then has although no file owns it. */
  findOrphans(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Starts everything, and resolves once all replicas are ready. */
export async function startChaosRig(options: ChaosRigOptions): Promise<ChaosRig> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-chaos-"));
  const ends: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  const open = async <T>(resource: Promise<T>, end: (opened: T) => Promise<unknown>): Promise<T> => {
    const opened = await resource;
    ends.push(() => end(opened));
    return opened;
  };
  const openLine = async (url: string): Promise<FaultProxy> =>
    await open(startFaultProxy(Number(new URL(url).port)), (line) => line.close());
  try {
    const backend = await open(S3_BACKENDS[options.s3](directory), (server) => server.stop());
    const storage = await open(startS3Relay(backend.url), (relay) => relay.close());
    const database = await open(startReplicatedPostgres(), (servers) => servers.stop());
    const partSizeBytes = Math.max(options.partSizeBytes, backend.partMinBytes);
    const [databaseLines, storageLines, replicas]: [FaultProxy[], FaultProxy[], Replica[]] = [[], [], []];
    const startReplica = async (index: number): Promise<Replica> => {
      const [line, storageLine] = [await openLine(database.url), await openLine(storage.url)];
      const readLine = index === 0 ? undefined : await openLine(database.readUrl);
      databaseLines.push(line);
      storageLines.push(storageLine);
      return await Replica.start((port) => ({
        ...serviceEnvironment({
          port,
          s3Url: at(storage.url, storageLine),
          databaseUrl: at(database.url, line),
          partSizeBytes,
        }),
        ...(readLine !== undefined && { SLUICE_DATABASE_READ_URL: at(database.readUrl, readLine) }),
      }));
    };
    const starting = Array.from({ length: options.replicas }, (_, index) =>
      open(startReplica(index), (replica) => replica.close()),
    );
    for (const one of await Promise.allSettled(starting)) {
      if (one.status === "rejected") throw one.reason;
      replicas.push(one.value);
    }
    const query: ChaosRig["query"] = (statement) => queryOnce(database.url, statement);
    const findOrphans = async () => {
      const plain = { port: 0, s3Url: storage.url, databaseUrl: database.url, partSizeBytes };
      const search = await openOrphanSearch(serviceEnvironment(plain), query);
      return await search.find().finally(() => search.close());
    };
    const lines = { databaseLines, storageLines };
    return { replicas, ...lines, storage, database, partSizeBytes, query, findOrphans, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The URL at the line that stands for its server. */
function at(text: string, { port }: FaultProxy): string {
  const url = new URL(text);
  url.port = String(port);
  return url.href.replace(/\/$/, "");
}

async function queryOnce(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
