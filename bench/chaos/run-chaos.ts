import { setTimeout as delay } from "node:timers/promises";
import { CHAOS_TOKEN, type ChaosRig, type ChaosRigOptions, startChaosRig } from "./chaos-rig.ts";
import { type Fault, type PLANS, planFaults } from "./faults/fault-plan.ts";
import { runFaults } from "./faults/run-faults.ts";
import { findPorcupine, judgeByOwnCheck } from "./history/judge-history.ts";
import { CONTESTED, type Contender, runContestedLoad } from "./load/contested-load.ts";
import { MixedLoad } from "./load/mixed-load.ts";
import { createPatientCaller } from "./load/patient-caller.ts";
import { createSingleCaller } from "./load/single-caller.ts";
import { Tally } from "./load/tally.ts";

/** What is run, and for how long. */
export interface ChaosOptions extends ChaosRigOptions {
  readonly seed: number;
  readonly plan: keyof typeof PLANS;
  readonly durationMs: number;
  /** The longest fault, in milliseconds. */
  readonly faultMaxMs: number;
  /** Callers with files of their own: so many that retry, and as many that do not. */
  readonly callers: number;
  /** Smallest and largest file of theirs, in bytes. */
  readonly sizesBytes: readonly [number, number];
  /** Mean time between the beginnings of two calls of each caller, in milliseconds. */
  readonly pauseMs: number;
  /** Pairs of contested paths. */
  readonly pairs: number;
  readonly callsPerHistory: number;
  readonly report: (what: string) => void;
}

/** What became of everything. */
export interface ChaosResult {
  readonly faults: readonly Fault[];
  /** The calls of callers that retry, and of those that do not. */
  readonly patient: Tally;
  readonly single: Tally;
  /** The share of the time in which something was away, from 0 to 1. */
  readonly awayShare: number;
  /** One sentence for each committed file that is lost or wrong, and each answer that was not right. */
  readonly wrong: readonly string[];
  /** Commits that have come twice. */
  readonly doubled: number;
  /** What is in the bucket although no file owns it, after the sweep. */
  readonly orphans: readonly string[];
  readonly history: { readonly calls: number; readonly problems: readonly string[]; readonly judge: string };
}

/** Has callers work while the plan's faults strike, and then looks at what is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { report } = options;
  const faults = planFaults({ ...options, replicas: options.replicas });
  const rig = await startChaosRig(options);
  try {
    const ended = new AbortController();
    const [patient, single] = [new Tally(), new Tally()];
    const loads = createLoads(rig, { options, patient, single, signal: ended.signal });
    const contested = runContestedLoad(createContenders(rig, patient), {
      ...options,
      signal: ended.signal,
    });
    const working = Promise.all([contested, ...loads.map((load) => load.run())]);
    working.catch(() => {});
    const begunAt = performance.now();
    const away = await runFaults(rig, faults, report);
    await delay(Math.max(0, options.durationMs - (performance.now() - begunAt)));
    ended.abort();
    const [histories] = await working;
    const awayShare = away.shareOf(performance.now() - begunAt);
    report("the load is over; everything is read back");
    const reader = createPatientCaller(urlsOf(rig), CHAOS_TOKEN);
    const found = await Promise.all(loads.map((load) => load.verify(reader))).finally(() => reader.close());
    const wrong = [...loads.flatMap(({ problems }) => problems), ...found.flat()];
    const [doubled, orphans] = [await countDoubled(rig), await rig.findOrphans()];
    const judge = findPorcupine({ keepsRefused: true }) ?? judgeByOwnCheck;
    const verdicts = [];
    for (const history of histories) verdicts.push(await judge(history));
    return {
      ...{ faults, patient, single, awayShare, wrong, doubled, orphans },
      history: {
        calls: histories.flat().length,
        problems: verdicts.flatMap(({ problems }, index) =>
          problems.map((problem) => `history ${index + 1}: ${problem}`),
        ),
        judge: verdicts[0]?.judge ?? "nobody",
      },
    };
  } finally {
    await rig.stop();
  }
}

function urlsOf({ replicas }: ChaosRig): string[] {
  return replicas.map(({ url }) => url);
}

interface LoadParts {
  readonly options: ChaosOptions;
  readonly patient: Tally;
  readonly single: Tally;
  readonly signal: AbortSignal;
}

/** Callers with files of their own. Each begins at another replica. */
function createLoads(rig: ChaosRig, { options, patient, single, signal }: LoadParts): MixedLoad[] {
  const { seed, callers, sizesBytes, pauseMs } = options;
  return Array.from({ length: 2 * callers }, (_, index) => {
    const retries = index % 2 === 0;
    const urls = rotate(urlsOf(rig), index >> 1);
    const caller = retries ? createPatientCaller(urls, CHAOS_TOKEN) : createSingleCaller(urls, CHAOS_TOKEN);
    const own = { seed: seed * 1000 + index, folder: `load/${index}`, sizesBytes, pauseMs, signal };
    return new MixedLoad(caller, retries ? patient : single, own);
  });
}

/**
 * For each replica one caller that goes there alone and does not retry, and one that retries and begins there. The failures of the former
 * are not counted: it calls less often after each of them.
 */
function createContenders(rig: ChaosRig, patient: Tally): Contender[] {
  const [urls, single] = [urlsOf(rig), new Tally()];
  return urls.flatMap((url, index) => [
    { caller: createSingleCaller([url], CHAOS_TOKEN), tally: single, readsNewest: index === 0 },
    { caller: createPatientCaller(rotate(urls, index), CHAOS_TOKEN), tally: patient, readsNewest: false },
  ]);
}

function rotate<T>(all: readonly T[], by: number): T[] {
  return all.map((_, index) => all[(index + by) % all.length] as T);
}

/**
 * Files that were committed twice: no two uploads brought the same bytes, and each copy has a path of its own. And the uploads for which
 * the journal says more than once that they were committed.
 */
async function countDoubled(rig: ChaosRig): Promise<number> {
  const [row] = await rig.query(`
    SELECT (
      SELECT count(*) FROM (
        SELECT FROM file WHERE path LIKE 'load/%' GROUP BY path, crc32 HAVING count(*) > 1
        UNION ALL
        SELECT FROM file WHERE path LIKE '${CONTESTED}/%' GROUP BY crc32 HAVING count(*) > 1
      ) versions
    ) + (
      SELECT count(*) FROM (
        SELECT FROM journal_entry WHERE action = 'CommitUpload' AND outcome = 'done' GROUP BY resource_id HAVING count(*) > 1
      ) entries
    ) AS doubled`);
  return Number(row?.doubled);
}
