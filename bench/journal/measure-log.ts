import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { parseConfig } from "../../src/config/config.ts";
import { startDevS3Server } from "../../src/devstack/s3-server/dev-s3-server.ts";
import { proveInclusion } from "../../src/domain/log/inclusion.ts";
import { LogFiles } from "../../src/domain/log/log-files.ts";
import { createNoteKey, type NoteSigner, parseNoteSigner } from "../../src/domain/log/signed-note.ts";
import { LogPublisher } from "../../src/journal/log/log-publisher.ts";
import { PUBLISH_PACE, publishLog } from "../../src/journal/log/publish-log.ts";
import { createJournalRelay } from "../../src/postgres/journal/journal-relay.ts";
import { createLogLeaves } from "../../src/postgres/journal/log-leaves.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import { createS3Access } from "../../src/s3/create-access.ts";
import { createLogStore } from "../../src/s3/log-store.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import type { JournalTrial } from "./journal-trial.ts";
import { KeptStore } from "./kept-store.ts";
import { tamperWithLog } from "./tamper-log.ts";

const NAME = "bench.example/log";
const CREDENTIALS = { accessKeyId: "bench", secretAccessKey: "bench-secret" };
/** How long entries come at 200 a second, and then none, in milliseconds. */
export interface LogPace {
  readonly busyMs: number;
  readonly idleMs: number;
}

const EACH_MS = 50;
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sluice-ci");

/**
 * Publishes the journal of a trial whose writers and relays were killed, has it judged by programs of others, erases, tampers and restores,
 * and measures how far the checkpoint is behind and what it costs in requests.
 */
export async function measureLog(
  trial: JournalTrial,
  pace: LogPace,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const { store, close } = await openStorage(trial);
  const pool = await createDatabasePool("log", { url: trial.url });
  const signer = parseNoteSigner(createNoteKey(NAME).signingKey) as NoteSigner;
  const log = { leaves: createLogLeaves(pool), store, signers: [signer], now: () => new Date() };
  const relay = createJournalRelay(pool);
  const folder = join(trial.directory, "log-files");
  try {
    const begunAt = performance.now();
    const size = await publishAll(new LogPublisher(log));
    const rate = Math.round((1000 * size) / (performance.now() - begunAt));
    report(`published ${size} entries, ${rate} a second`);
    const judged = await judge(store, folder, signer);
    const tampered = await tamperWithLog(store, { signer, trial, pool, size });
    report(`tampering found: ${tampered.found} of ${tampered.tried}`);
    const requests = await proveSome(store, size);
    await trial.query("DELETE FROM journal_personal");
    await enter(trial, 300);
    await relay.numberNew();
    await publishAll(new LogPublisher(log));
    const erased = await judge(store, folder, signer);
    const paced = await measurePace(trial, { log, relay, ...pace });
    const restored = await restore(trial, { log, store });
    return [
      toJudged(
        "log: entries that the judges refuse, written under kills",
        judged,
        `${size} entries, ${rate} published a second`,
      ),
      toJudged("log: the same after an erasure", erased),
      {
        ...{
          name: "log: tampering that is not named",
          measured: tampered.tried - tampered.found,
          must: { atMost: 0 },
          unit: "count",
        },
        note: `${tampered.tried} ways: edit, delete, insert, swap, truncate at the first, middle and last entry, in table and tiles`,
      },
      {
        ...{
          name: "log: checkpoint behind the journal at 200 entries a second",
          measured: Math.round(paced.behindMs),
          unit: "ms",
        },
        must: { atMost: 10_000 },
        note: `requests to S3 an hour: ${paced.busyAnHour} then, ${paced.idleAnHour} idle`,
      },
      { name: "log: requests of an inclusion proof", measured: requests, must: { atMost: 10 }, unit: "count" },
      {
        ...{
          name: "log: restored to an earlier time and not told, or written over",
          measured: restored,
          unit: "count",
        },
        must: { atMost: 0 },
      },
    ];
  } finally {
    await pool.end();
    await close();
  }
}

/** A bucket of a development S3 server of the trial's own. */
async function openStorage(trial: JournalTrial): Promise<{ store: KeptStore; close: () => Promise<void> }> {
  const s3 = await startDevS3Server({
    ...{ directory: join(trial.directory, "log-s3"), region: "eu-central-1", buckets: ["audit"], ...CREDENTIALS },
  });
  const config = parseConfig({
    ...{ SLUICE_DATABASE_URL: trial.url, SLUICE_S3_BUCKET: "audit", SLUICE_S3_REGION: "eu-central-1" },
    ...{ SLUICE_S3_ENDPOINT: s3.url, SLUICE_AUTH: "dev", SLUICE_DEV_TOKEN: "bench-token" },
  });
  const access = createS3Access(config, { credentials: async () => CREDENTIALS });
  const store = new KeptStore(
    createLogStore(access.at("audit"), { bucket: "audit", prefix: "", lockMs: 1, now: () => new Date() }),
  );
  const close = async () => {
    access.close();
    await s3.close();
  };
  return { store, close };
}

async function publishAll(publisher: LogPublisher): Promise<number> {
  for (let last = -1; ; ) {
    const size = (await publisher.publish()) ?? last;
    if (size === last) return size;
    last = size;
  }
}

/** How many judges refuse the log; undefined when they are not installed. */
async function judge(store: KeptStore, folder: string, { verifierKey }: NoteSigner): Promise<number | undefined> {
  for (const [path, bytes] of store.objects) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  await writeFile(join(folder, "key"), verifierKey);
  const fsck = ["--ui=false", "--N=16", `--storage_url=file://${folder}/`, `--public_key=${join(folder, "key")}`];
  const said = await Promise.all([
    ask(join(CACHE, "fsck-v1.0.4/bin/fsck"), fsck),
    ask(join(CACHE, "tlog-judge-v0.43.0/bin/tlog-judge"), [verifierKey, NAME, folder]),
  ]);
  if (said.some((words) => words.includes("ENOENT"))) return undefined;
  return said.filter((words) => !words.includes("Successfully fsck'd log") && !words.includes("accepted ")).length;
}

async function ask(program: string, args: readonly string[]): Promise<string> {
  return await promisify(execFile)(program, [...args]).then(
    ({ stdout, stderr }) => stdout + stderr,
    ({ message, stderr }: { message: string; stderr?: string }) =>
      `${message.slice(0, 200)} ${(stderr ?? "").slice(0, 1000)}`,
  );
}

function toJudged(name: string, refusals: number | undefined, note = ""): FigureRow {
  const skipped = refusals === undefined ? "the judges are not installed (.ci/run builds them); " : "";
  return { name, measured: refusals ?? -1, must: { atMost: 0 }, unit: "count", note: skipped + note };
}

/** The most requests that a proof takes, of the checkpoint and the tiles. */
async function proveSome(store: KeptStore, size: number): Promise<number> {
  let most = 0;
  for (const index of [0, Math.floor(size / 3), Math.floor(size / 2), size - 1]) {
    const before = store.requests;
    const files = new LogFiles((path) => store.read(path), size);
    const tiles = new Map<string, Promise<Uint8Array[]>>();
    await store.read("checkpoint");
    await proveInclusion({ index, size }, (tile) => {
      const key = `${tile.level}/${tile.index}`;
      const reading = tiles.get(key) ?? files.readTile(tile);
      tiles.set(key, reading);
      return reading;
    });
    most = Math.max(most, store.requests - before);
  }
  return most;
}

async function enter(trial: JournalTrial, count: number): Promise<void> {
  await trial.query(
    `WITH entered AS (
       INSERT INTO journal_entry (namespace, action, outcome, resource_kind, resource_id, token_kind)
       SELECT 'default', 'UpdateFile', 'done', 'file', gen_random_uuid(), 'dev' FROM generate_series(1, $1::integer)
       RETURNING entry_id, entry_time
     )
     INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, path)
     SELECT entry_id, entry_time, 'default', 'bench:writer', 'files/0001' FROM entered`,
    [count],
  );
}

/** Enters 200 entries a second while the log is published, and then none; the age of the oldest that waited, and requests. */
async function measurePace(
  trial: JournalTrial,
  {
    log,
    relay,
    busyMs,
    idleMs,
  }: LogPace & {
    log: ConstructorParameters<typeof LogPublisher>[0] & { store: KeptStore };
    relay: ReturnType<typeof createJournalRelay>;
  },
): Promise<{ behindMs: number; busyAnHour: number; idleAnHour: number }> {
  const ending = new AbortController();
  const publishing = publishLog(new LogPublisher(log), { ...PUBLISH_PACE, signal: ending.signal });
  let behindMs = 0;
  const [begunAt, before] = [performance.now(), log.store.requests];
  while (performance.now() - begunAt < busyMs) {
    const roundAt = performance.now();
    await enter(trial, (200 * EACH_MS) / 1000);
    await relay.numberNew();
    behindMs = Math.max(behindMs, (await log.leaves.state())?.behindMs ?? 0);
    await delay(Math.max(0, EACH_MS - (performance.now() - roundAt)));
  }
  const toAnHour = (requests: number, ms: number) => Math.round((requests * 3_600_000) / ms);
  const busyAnHour = toAnHour(log.store.requests - before, performance.now() - begunAt);
  await delay(2 * PUBLISH_PACE.everyMs);
  const idle = log.store.requests;
  await delay(idleMs);
  const idleAnHour = toAnHour(log.store.requests - idle, idleMs);
  ending.abort();
  await publishing;
  return { behindMs, busyAnHour, idleAnHour };
}

/** Takes the database back by 1,000 entries, and counts what is wrong: no fork told with its first entry, and files written over. */
async function restore(
  trial: JournalTrial,
  { log, store }: { log: ConstructorParameters<typeof LogPublisher>[0]; store: KeptStore },
): Promise<number> {
  const [{ last = 0 } = {}] = await trial.query<{ last: number }>(
    "SELECT max(sequence)::integer AS last FROM journal_number",
  );
  const kept = last - 1000;
  for (const table of ["journal_leaf", "journal_number"])
    await trial.query(`DELETE FROM ${table} WHERE sequence > $1`, [kept]);
  const before = new Map(store.objects);
  const told = await new LogPublisher(log).publish().then(
    () => "",
    (error: Error) => error.message,
  );
  const isTold = told.startsWith(`FORK: entry ${kept + 1} `);
  const changed = [...store.objects].filter(([path, bytes]) => before.get(path) !== bytes).length;
  return (isTold ? 0 : 1) + changed;
}
