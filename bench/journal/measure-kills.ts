import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createJournal } from "../../src/postgres/journal/journal.ts";
import { createJournalRelay } from "../../src/postgres/journal/journal-relay.ts";
import { createDatabasePool } from "../../src/postgres/pool/pool.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { type BenchProcess, forkProcess } from "../machine/child-process.ts";
import { createRandom } from "../stage/seeded-random.ts";
import { JournalTrial, type WriterOptions } from "./journal-trial.ts";

/** How much is changed, and how often something is killed. */
export interface KillsRun {
  readonly changes: number;
  readonly kills: number;
  readonly seed: number;
}

const WRITERS = 4;
const FILES = 200;
/** Changes of one writer that wait for an answer at any time. */
const IN_FLIGHT = 4;
/** Longest wait between two kills, in milliseconds. */
const PAUSE_MAX_MS = 1500;
const PAGE = 5000;
const WRITER = new URL("./writer-process.ts", import.meta.url);
const RELAY = new URL("./relay-process.ts", import.meta.url);

/**
 * Has processes change files while they, the relays and the database are killed, and then looks for entries that are missing, numbered
 * twice, out of the order of their file, and for gaps. `look` measures more of what they have left.
 */
export async function measureKills(
  directory: string,
  run: KillsRun,
  report: (what: string) => void,
  look: (trial: JournalTrial) => Promise<FigureRow[]> = async () => [],
): Promise<FigureRow[]> {
  const random = createRandom(run.seed);
  const trial = await JournalTrial.start(join(directory, "kills"), { files: FILES });
  try {
    const writers = new Writers(trial, run);
    const relays: BenchProcess[] = [];
    for (let i = 0; i < WRITERS; i++) await writers.start(i);
    for (let i = 0; i < 2; i++) relays.push(await forkProcess(RELAY, { args: [trial.url] }));
    for (let kill = 0; kill < run.kills && !writers.areDone; kill++) {
      await delay(PAUSE_MAX_MS * random());
      const victim = random();
      report(`kill ${kill + 1} of ${run.kills}`);
      if (victim < 0.2) await trial.crash();
      else if (victim < 0.6) {
        const index = Math.floor(relays.length * random());
        process.kill((relays[index] as BenchProcess).pid, "SIGKILL");
        relays[index] = await forkProcess(RELAY, { args: [trial.url] });
      } else await writers.replace(Math.floor(WRITERS * random()));
    }
    await writers.finished();
    for (const relay of relays) process.kill(relay.pid, "SIGKILL");
    const acknowledged = await trial.readAcknowledged(writers.logs);
    const note = `${run.changes} changes were asked for, with ${run.kills} kills`;
    return [...(await judgeEntries(trial, acknowledged, { name: "kills", note })), ...(await look(trial))];
  } finally {
    await trial.stop();
  }
}

/** The processes that change files; a killed one is replaced by one that makes the rest of its changes. */
class Writers {
  readonly logs: string[] = [];
  readonly #trial: JournalTrial;
  readonly #run: KillsRun;
  readonly #running: (BenchProcess | undefined)[] = [];
  readonly #allDone: Promise<void>;
  #whenDone: () => void = () => {};
  #failure: Error | undefined;
  #started = 0;
  #done = 0;

  constructor(trial: JournalTrial, run: KillsRun) {
    this.#trial = trial;
    this.#run = run;
    this.#allDone = new Promise((resolve) => {
      this.#whenDone = resolve;
    });
  }

  get areDone(): boolean {
    return this.#done === WRITERS;
  }

  async start(index: number): Promise<void> {
    const log = join(this.#trial.directory, `writer-${this.#started}.log`);
    this.logs.push(log);
    const own = this.logs.filter((_, nth) => nth % WRITERS === index);
    const made = (await this.#trial.readAcknowledged(own)).length;
    const options: WriterOptions = {
      databaseUrl: this.#trial.url,
      seed: this.#run.seed + ++this.#started,
      changes: Math.max(1, Math.ceil(this.#run.changes / WRITERS) - made),
      files: FILES,
      acknowledged: log,
      inFlight: IN_FLIGHT,
    };
    const writer = await forkProcess(WRITER, { args: [JSON.stringify(options)] });
    this.#running[index] = writer;
    const end = (error?: Error) => {
      // One that was killed has another in its place.
      if (this.#running[index] !== writer) return;
      this.#running[index] = undefined;
      this.#done++;
      this.#failure ??= error;
      if (this.areDone) this.#whenDone();
    };
    void writer.ended().then(() => end(), end);
  }

  async replace(index: number): Promise<void> {
    const writer = this.#running[index];
    if (writer === undefined) return;
    this.#running[index] = undefined;
    process.kill(writer.pid, "SIGKILL");
    await this.start(index);
  }

  async finished(): Promise<void> {
    await this.#allDone;
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** A change whose writer was told that it is made: the `metageneration`-th of the file at the path. */
export interface Acknowledged {
  readonly path: string;
  readonly metageneration: number;
}

/** Numbers what is left, and counts the entries that are missing, numbered twice, or out of the order of their file, and the gaps. */
export async function judgeEntries(
  trial: JournalTrial,
  acknowledged: readonly Acknowledged[],
  { name: when, note }: { name: string; note: string },
): Promise<FigureRow[]> {
  const pool = await createDatabasePool("judge", { url: trial.url });
  await createJournalRelay(pool).numberNew();
  const journal = createJournal(pool);
  const seen = new Map<string, number>();
  let [after, entries, gaps, repeated, disordered] = [0, 0, 0, 0, 0];
  const ids = new Set<string>();
  const numbered = new Set<string>();
  for (;;) {
    const page = await journal.read({ after, limit: PAGE });
    if (page.length === 0) break;
    for (const { sequence, entryId, action, personal } of page) {
      if (sequence !== after + 1) gaps++;
      after = sequence;
      entries++;
      if (ids.has(entryId)) repeated++;
      ids.add(entryId);
      if (action !== "UpdateFile" || personal === undefined) continue;
      const nth = Number((personal.after as { labels: { n: string } }).labels.n);
      if (nth <= (seen.get(personal.path) ?? 1)) disordered++;
      seen.set(personal.path, nth);
      numbered.add(`${personal.path} ${nth}`);
    }
  }
  await pool.end();
  const missing = acknowledged.filter(({ path, metageneration }) => !numbered.has(`${path} ${metageneration}`)).length;
  const [{ changed = 0 } = {}] = await trial.query<{ changed: number }>(
    "SELECT sum(metageneration - 1)::integer AS changed FROM file",
  );
  const facts = `${note}: ${acknowledged.length} were acknowledged, ${changed} were made, ${entries} entries`;
  const count = (name: string, measured: number, why?: string): FigureRow => ({
    name: `${when}: ${name}`,
    measured,
    must: { atMost: 0 },
    unit: "count",
    ...(why !== undefined && { note: why }),
  });
  return [
    count("changes without an entry", missing + Math.max(0, changed - numbered.size), facts),
    count("entries numbered twice", repeated),
    count("entries out of the order of their file", disordered),
    count("gaps between numbers", gaps),
  ];
}
