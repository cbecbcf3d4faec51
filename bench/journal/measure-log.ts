import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { parseConfig } from "../../src/config/config.ts";
import { startDevS3Server } from "../../src/devstack/s3-server/dev-s3-server.ts";
import { LogProblem } from "../../src/domain/log/checkpoint.ts";
import { proveInclusion } from "../../src/domain/log/inclusion.ts";
import { LogFiles } from "../../src/domain/log/log-files.ts";
import type { LogStore } from "../../src/domain/log/log-store.ts";
import { TILE_WIDTH } from "../../src/domain/log/merkle-tree.ts";
import {
  createNoteKey,
  type NoteSigner,
  type NoteVerifier,
  parseNoteSigner,
  parseNoteVerifier,
} from "../../src/domain/log/signed-note.ts";
import { LogPublisher } from "../../src/journal/log/log-publisher.ts";
import { PUBLISH_PACE, publishLog } from "../../src/journal/log/publish-log.ts";
import { verifyLog } from "../../src/journal/log/verify-log.ts";
import { createJournal } from "../../src/postgres/journal/journal.ts";
import { createJournalRelay } from "../../src/postgres/journal/journal-relay.ts";
import { createLogLeaves } from "../../src/postgres/journal/log-leaves.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import { toExportLine } from "../../src/rpc/messages/audit-message.ts";
import { createS3Access } from "../../src/s3/create-access.ts";
import { createLogStore } from "../../src/s3/log-store.ts";
import type { FigureRow } from "../sessions/figure-row.ts";
import type { JournalTrial } from "./journal-trial.ts";

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
  const s3 = await startDevS3Server({
    ...{ directory: join(trial.directory, "log-s3"), region: "eu-central-1", buckets: ["audit"], ...CREDENTIALS },
  });
  const config = parseConfig({
    ...{ SLUICE_DATABASE_URL: trial.url, SLUICE_S3_BUCKET: "audit", SLUICE_S3_REGION: "eu-central-1" },
    ...{ SLUICE_S3_ENDPOINT: s3.url, SLUICE_AUTH: "dev", SLUICE_DEV_TOKEN: "bench-token" },
  });
  const access = createS3Access(config, { credentials: async () => CREDENTIALS });
  const now = () => new Date();
  const store = new KeptStore(createLogStore(access.at("audit"), { bucket: "audit", prefix: "", lockMs: 1, now }));
  const pool = await createDatabasePool("log", { url: trial.url });
  const signer = parseNoteSigner(createNoteKey(NAME).signingKey) as NoteSigner;
  const log = { leaves: createLogLeaves(pool), store, signers: [signer], now };
  const relay = createJournalRelay(pool);
  const folder = join(trial.directory, "log-files");
  try {
    const begunAt = performance.now();
    const size = await publishAll(new LogPublisher(log));
    const rate = Math.round((1000 * size) / (performance.now() - begunAt));
    report(`published ${size} entries, ${rate} a second`);
    const judged = await judge(store, folder, signer);
    const tampered = await tamper(store, { signer, trial, pool, size });
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
    access.close();
    await pool.end();
    await s3.close();
  }
}

/** Keeps what was written, and counts the requests. */
class KeptStore implements LogStore {
  readonly objects = new Map<string, Uint8Array>();
  requests = 0;
  readonly #store: LogStore;

  constructor(store: LogStore) {
    this.#store = store;
  }

  read: LogStore["read"] = (path, options) => {
    this.requests++;
    return this.#store.read(path, options);
  };

  create: LogStore["create"] = async (path, bytes, options) => {
    this.requests++;
    const isCreated = await this.#store.create(path, bytes, options);
    if (isCreated) this.objects.set(path, bytes);
    return isCreated;
  };

  replace: LogStore["replace"] = async (path, bytes, etag) => {
    this.requests++;
    const replaced = await this.#store.replace(path, bytes, etag);
    if (replaced !== undefined) this.objects.set(path, bytes);
    return replaced;
  };
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

type Line = { entry: Record<string, unknown> };

/** Tampers with exported lines and with files of the log, and counts how often the verifier names an entry. */
async function tamper(
  store: KeptStore,
  {
    signer,
    trial,
    pool,
    size,
  }: { signer: NoteSigner; trial: JournalTrial; pool: Parameters<typeof createJournal>[0]; size: number },
): Promise<{ tried: number; found: number }> {
  const lines = await exportAll(trial, pool);
  const verifiers = [parseNoteVerifier(signer.verifierKey) as NoteVerifier];
  const isNamed = async (changedLines: readonly Line[], changed: ReadonlyMap<string, Uint8Array>, sequence: number) => {
    const read = async (path: string) => {
      const bytes = changed.get(path) ?? store.objects.get(path);
      return bytes === undefined ? undefined : { bytes, etag: "" };
    };
    const exported = { lines: toLines(changedLines), isWhole: true, after: 0 };
    return await verifyLog({ read, origin: NAME, verifiers, exported }).then(
      () => false,
      (error) => error instanceof LogProblem && error.message.includes(`entry ${sequence} `),
    );
  };
  if (await isNamed(lines, new Map(), 0)) throw new Error("the verifier refuses the log as it is");
  let [tried, found] = [0, 0];
  const note = (isFound: boolean) => {
    tried++;
    if (isFound) found++;
  };
  for (const sequence of [1, Math.ceil(size / 2), size]) {
    const at = sequence - 1;
    const other = sequence === size ? at - 1 : at;
    const line = lines[at] as Line;
    const swapped = structuredClone([lines[other], lines[other + 1]]) as [Line, Line];
    [swapped[0].entry.sequence, swapped[1].entry.sequence] = [swapped[1].entry.sequence, swapped[0].entry.sequence];
    const edited = { entry: { ...line.entry, outcome: "PERMISSION_DENIED" } };
    const inserted = { entry: { ...line.entry, proof: undefined } };
    note(await isNamed(lines.with(at, edited), new Map(), sequence));
    note(await isNamed(lines.toSpliced(at, 1), new Map(), sequence));
    note(await isNamed(lines.toSpliced(at, 0, inserted), new Map(), sequence));
    note(await isNamed(lines.toSpliced(other, 2, swapped[1], swapped[0]), new Map(), other + 1));
    note(await isNamed(lines.slice(0, at), new Map(), sequence));
    const index = Math.floor(at / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const path = [...store.objects.keys()].find(
      (one) => one === bundlePath(index) + (width === TILE_WIDTH ? "" : `.p/${width}`),
    ) as string;
    const bundle = Buffer.from(store.objects.get(path) as Uint8Array);
    const begin = (nth: number) => 34 * (nth - index * TILE_WIDTH);
    const cut = (from: number, to: number, ...between: Uint8Array[]) =>
      new Map([[path, Buffer.concat([bundle.subarray(0, begin(from)), ...between, bundle.subarray(begin(to))])]]);
    const made = Buffer.concat([Uint8Array.of(0, 32), Buffer.alloc(32, 9)]);
    const pick = (nth: number) => bundle.subarray(begin(nth), begin(nth + 1));
    note(await isNamed(lines, cut(at, at + 1, made), sequence));
    note(await isNamed(lines, cut(at, at + 1), sequence));
    note(await isNamed(lines, cut(at, at, made), sequence));
    const first = other % TILE_WIDTH === TILE_WIDTH - 1 ? other - 1 : other;
    note(await isNamed(lines, cut(first, first + 2, pick(first + 1), pick(first)), first + 1));
    note(await isNamed(lines, new Map([[path, bundle.subarray(0, begin(at))]]), sequence));
  }
  return { tried, found };
}

function bundlePath(index: number): string {
  const digits = String(index % 1000).padStart(3, "0");
  return index < 1000
    ? `tile/entries/${digits}`
    : `tile/entries/x${String(Math.floor(index / 1000)).padStart(3, "0")}/${digits}`;
}

/** The lines of an export of all namespaces. */
async function exportAll(trial: JournalTrial, pool: Parameters<typeof createJournal>[0]): Promise<Line[]> {
  const journal = createJournal(pool);
  const lines: Line[] = [];
  const through = await journal.lastSequence();
  const namespaces = await trial.query<{ namespace: string }>("SELECT DISTINCT namespace FROM journal_number");
  for (const { namespace } of namespaces) {
    for (let after = 0; after < through; ) {
      const page = await journal.readMatching(namespace, {
        filter: undefined,
        scope: [""],
        after,
        through,
        limit: 5000,
      });
      for (const entry of page.entries) lines.push(JSON.parse(toExportLine({ kind: "entry", entry })));
      after = page.through;
    }
  }
  return lines.sort((one, other) => Number(one.entry.sequence) - Number(other.entry.sequence));
}

async function* toLines(lines: readonly Line[]): AsyncGenerator<Record<string, unknown>> {
  yield* lines;
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
