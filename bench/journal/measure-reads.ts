import { join } from "node:path";
import type { RecordEntry } from "../../src/domain/journal/new-entry.ts";
import { EntryQueue } from "../../src/journal/entry-queue.ts";
import { JournalRecorder } from "../../src/journal/journal-recorder.ts";
import { createFileRepository } from "../../src/postgres/files/file-repository.ts";
import { createJournalWriter } from "../../src/postgres/journal/journal-writer.ts";
import { createDatabasePools, type DatabasePools } from "../../src/postgres/pool/pool.ts";
import type { BoundFunctions } from "../../src/rpc/bound-functions.ts";
import { recordCalls } from "../../src/rpc/record-calls.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { JournalTrial, pathOf, takeEntriesAway } from "./journal-trial.ts";
import { toChange } from "./to-change.ts";

const FILES = 1000;
/** Calls before those that are counted: prepared statements, and code that is compiled by then. */
const WARM_UP = 500;
/** As the job of the service does. */
const FLUSH_EVERY_MS = 250;

/** How many calls of each kind are counted. */
export interface ReadsRun {
  readonly calls: number;
}

type Call = (path: string) => Promise<unknown>;

/**
 * Measures what the journal costs: reads that are recorded beside the same reads that are not, and changes with their entries beside
 * changes without. Calls take turns, one of each kind after the other, so that whatever slows the machine slows all of them.
 */
export async function measureReads(
  directory: string,
  { calls }: ReadsRun,
  report: (what: string) => void,
): Promise<FigureRow[]> {
  const trial = await JournalTrial.start(join(directory, "reads"), { files: FILES });
  const bareTrial = await JournalTrial.start(join(directory, "changes"), { files: FILES });
  await takeEntriesAway(bareTrial.url);
  const pools = await createDatabasePools({ url: trial.url });
  const barePools = await createDatabasePools({ url: bareTrial.url });
  const recorder = new JournalRecorder(new EntryQueue(createJournalWriter(pools.journal)));
  const flushing = setInterval(() => void recorder.flush(), FLUSH_EVERY_MS);
  try {
    const files = createFileRepository(pools);
    const get: Call = (path) => files.get("default", path);
    const [plain = 0, summed = 0, required = 0] = await measureTurns(calls, [
      get,
      recordReads(get, recorder, { method: "getFile", audit: "best-effort" }),
      recordReads(get, recorder, { method: "createDownloadUrl", audit: "required" }),
    ]);
    report(`reads: p50 ${plain} ms, summed ${summed} ms, required ${required} ms`);
    const [bare = 0, entered = 0] = await measureTurns(calls, [changeFile(barePools), changeFile(pools)]);
    report(`changes: p50 ${bare} ms, entered ${entered} ms`);
    return [
      {
        name: "GetFile that is summed, p50 with ÷ without",
        measured: summed / plain,
        unit: "ratio",
        must: { atMost: 1.15 },
        aim: { atMost: 1.05 },
        note: `${plain.toFixed(2)} ms without; no network, so the ratio is the worst`,
      },
      {
        name: "a read whose answer waits for its entry: p50 is longer by",
        measured: required - plain,
        unit: "ms",
        must: { atMost: 10 },
        note: "one call at a time, each with a batch of its own",
      },
      {
        name: "UpdateFile, p50 with ÷ without its entry",
        measured: entered / bare,
        unit: "ratio",
        must: { atMost: 1.3 },
        aim: { atMost: 1.1 },
        note: `${bare.toFixed(2)} ms without: a trigger keeps the entries from being kept`,
      },
    ];
  } finally {
    clearInterval(flushing);
    await recorder.drain();
    await Promise.all([pools.end(), barePools.end()]);
    await Promise.all([trial.stop(), bareTrial.stop()]);
  }
}

/** Wraps `get` so that the recorder enters its calls as those of `method`, in a namespace with the policy `audit`. */
function recordReads(
  get: Call,
  recorder: JournalRecorder,
  { method, audit }: { method: string; audit: "best-effort" | "required" },
): Call {
  const record: RecordEntry = (entry, options) => recorder.record(entry, options);
  const namespaces = { get: () => ({ audit }) as never };
  const bound: Record<keyof BoundFunctions, object> = {
    uploads: {},
    fileCommands: {},
    namespaces: {},
    audit: {},
    events: {},
    subscriptions: {},
    privacy: {},
    jobs: {},
    fileQueries: { [method]: ({ path }: { path: string }) => get(path) },
  };
  const { fileQueries } = recordCalls(bound as unknown as BoundFunctions, {
    record,
    namespaces,
    now: () => new Date(),
  });
  const call = (fileQueries as unknown as Record<string, (request: object, options: object) => Promise<unknown>>)[
    method
  ];
  const caller = { principal: "bench:reader", groups: [], tokenKind: "oidc" };
  return async (path) => await call?.({ namespace: "default", path }, { caller });
}

/** UpdateFile, as its command makes it. */
function changeFile(pools: DatabasePools): Call {
  const files = createFileRepository(pools);
  return async (path) => await files.update("default", path, toChange("bench:writer"));
}

/** The median of each kind of call, in milliseconds. */
async function measureTurns(counted: number, calls: readonly Call[]): Promise<number[]> {
  const tookMs: number[][] = calls.map(() => []);
  for (let turn = 0; turn < WARM_UP + counted; turn++) {
    for (let place = 0; place < calls.length; place++) {
      // Each call follows each other one as often.
      const index = (place + turn) % calls.length;
      const call = calls[index] as Call;
      const begun = performance.now();
      await call(pathOf(turn % FILES));
      if (turn >= WARM_UP) tookMs[index]?.push(performance.now() - begun);
    }
  }
  return tookMs.map((took) => took.sort((a, b) => a - b)[Math.floor(took.length / 2)] ?? Number.NaN);
}
