// `npm run bench:upload` measures the cost of an upload through Sluice, through a bare relay and through the usual
// alternatives. All send the same bytes into the same discarding S3 server, in one run. See --help.
import { divideStage, findCheckouts } from "./against/checkout.ts";
import { compareCheckouts, printComparisons } from "./against/compare-checkouts.ts";
import { createUploadTrials } from "./against/upload-trials.ts";
import { count, flag, number, only, optional, report, runCommand, text } from "./command-line.ts";
import { floor, floorSingle, floorTls, floorTlsToS3, raw } from "./contenders/floor.ts";
import { libStorage, libStorageTls } from "./contenders/lib-storage.ts";
import { obvious } from "./contenders/obvious.ts";
import {
  sluice,
  sluiceClient,
  sluiceCrc,
  sluiceCrcTls,
  sluiceCrcTlsToS3,
  sluicePut,
  sluicePutH2,
} from "./contenders/sluice.ts";
import { tusNode } from "./contenders/tus-node.ts";
import { tusd, tusdUnhashed, tusdUnhashedTls } from "./contenders/tusd.ts";
import { type Absence, type Measurement, measureUpload } from "./figures/measure.ts";
import { type BenchOptions, type BenchResult, toJson, toText } from "./figures/report.ts";
import { clearOnSignal } from "./machine/clear-on-signal.ts";
import type { Contender, Stage } from "./stage/contender.ts";
import { setStage } from "./stage/stage.ts";

const contenders: readonly Contender[] = [
  raw,
  floor,
  floorSingle,
  floorTls,
  floorTlsToS3,
  sluice,
  sluiceCrc,
  sluiceCrcTls,
  sluiceCrcTlsToS3,
  sluicePut,
  sluicePutH2,
  sluiceClient,
  obvious,
  libStorage,
  libStorageTls,
  tusNode,
  tusd,
  tusdUnhashed,
  tusdUnhashedTls,
];
const rssSizeBytes = 5 * 1024 ** 3;
const MIB = 2 ** 20;
const ROUNDS = 3;
const ROUNDS_AGAINST = 7;
const options = {
  gib: number("size of one measured upload in GiB", 1, [0.01, 1024]),
  rounds: optional(
    count(
      `rounds over all contenders, whose median counts (default ${ROUNDS}; with --against ${ROUNDS_AGAINST})`,
      ROUNDS,
      [0, 100],
    ),
  ),
  only: only(contenders.map(({ id }) => id)),
  chunkKib: count("bytes of a message of the raw clients in KiB", 1024, [1, 2048]),
  warmUpMib: count("content sent first, uncounted, in MiB", 1024, [0, 1024]),
  rss: flag("also upload 5 GiB through Sluice and check its peak memory (with --rounds 0: nothing else)"),
  against: text(
    "DIR",
    "compare another checkout of the project with this one: CPU time of the contenders that are Sluice",
  ),
};

await runCommand({
  script: "bench:upload",
  options,
  check: ({ against, rounds, rss }) => {
    if (against !== undefined && rss)
      throw new Error("--rss measures this checkout alone; leave it out with --against");
    if (against !== undefined && rounds === 0) throw new Error("--rounds is 0; --against needs 1 or more");
  },
  run: ({ gib, chunkKib, warmUpMib, rounds, ...rest }) =>
    run({
      ...rest,
      sizeBytes: Math.round(gib * 1024) * MIB,
      warmUpBytes: warmUpMib * MIB,
      chunkBytes: chunkKib * 1024,
      rounds: rounds ?? (rest.against === undefined ? ROUNDS : ROUNDS_AGAINST),
    }),
});

async function run(options: BenchOptions): Promise<number> {
  if (process.platform !== "linux") {
    process.stderr.write("the benchmark reads CPU time and memory from /proc: it needs Linux\n");
    return 1;
  }
  const { stage, clear } = await setStage(options.chunkBytes);
  let interrupted = false;
  clearOnSignal(() => {
    interrupted = true;
    return clear();
  });
  try {
    if (options.against !== undefined) return await compare(options, options.against, stage);
    const result = await measureAll(options, stage);
    if (!interrupted) process.stdout.write(`${options.json ? toJson(result) : toText(result)}\n`);
    return [...result.absent.values()].some(({ failed }) => failed) ? 1 : 0;
  } finally {
    await clear();
  }
}

/** Compares the cost of an upload through Sluice between the other checkout and this one. */
async function compare(options: BenchOptions, against: string, stage: Stage): Promise<number> {
  const own = [sluice, sluiceCrc, sluiceCrcTls, sluiceCrcTlsToS3, sluicePut, sluicePutH2, sluiceClient];
  const chosen = own.filter(({ id }) => options.only === undefined || options.only.includes(id));
  const checkouts = findCheckouts(against);
  const trials = createUploadTrials(chosen, divideStage(stage), options);
  const comparisons = await compareCheckouts(trials, {
    ...checkouts,
    rounds: options.rounds,
    report,
  });
  return printComparisons(comparisons, { ...checkouts, json: options.json });
}

/** Every round runs all contenders once, so that a slow minute of the machine hits them alike. */
async function measureAll(options: BenchOptions, stage: Stage): Promise<BenchResult> {
  const chosen = contenders.filter(({ id }) => options.only === undefined || options.only.includes(id));
  const absent = new Map<string, Absence>();
  const measure = async (what: string, contender: Contender, size: { sizeBytes: number; warmUpBytes: number }) => {
    const outcome = await measureUpload(contender, stage, size);
    report(`${what}  ${contender.id.padEnd(14)}  ${describe(outcome)}`);
    if ("cpuSecondsPerGib" in outcome) return outcome;
    absent.set(contender.id, outcome);
    return undefined;
  };
  const rounds: Measurement[][] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const measurements: Measurement[] = [];
    for (const contender of chosen.filter(({ id }) => !absent.has(id))) {
      const measurement = await measure(`round ${round}/${options.rounds}`, contender, options);
      if (measurement !== undefined) measurements.push(measurement);
    }
    rounds.push(measurements);
  }
  const rss = options.rss
    ? await measure("peak memory", sluiceCrc, { sizeBytes: rssSizeBytes, warmUpBytes: 0 })
    : undefined;
  return { options, contenders: chosen, rounds, absent, rss };
}

function describe(outcome: Measurement | Absence): string {
  if ("reason" in outcome) return `${outcome.failed ? "failed" : "skipped"}: ${outcome.reason}`;
  return `${outcome.mibPerSecond.toFixed(0)} MiB/s  ${outcome.cpuSecondsPerGib.toFixed(2)} cpu-s/GiB`;
}
