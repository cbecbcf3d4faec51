import { readProcessUsage } from "../machine/process-usage.ts";
import { type CallTimes, quantile } from "../metadata/call-load.ts";
import { type Stage, startClient } from "../stage/contender.ts";
import type { FigureRow } from "./figure-row.ts";
import { spreadOf } from "./measure.ts";

/** Two ways of doing the same work; the ratio of each round is the cost of the one over the cost of the other. */
export interface Pair<T> {
  readonly one: () => Promise<T>;
  readonly other: () => Promise<T>;
}

/** The median of the rounds' ratios, and how far they lie apart. */
export type Ratio = Pick<FigureRow, "unit" | "measured" | "note">;

/** The first pair compiles the code and does not count. Who begins alternates. */
export async function takeTurns<T>(pair: Pair<T>, rounds: number, note: (one: T, other: T) => void): Promise<void> {
  for (let round = 0; round <= rounds; round++) {
    const first = round % 2 === 0 ? await pair.one() : await pair.other();
    const second = round % 2 === 0 ? await pair.other() : await pair.one();
    if (round > 0) note(...((round % 2 === 0 ? [first, second] : [second, first]) as [T, T]));
  }
}

function toRatio(ratios: readonly number[]): Ratio {
  const { median, min, max } = spreadOf(ratios) ?? { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  return { unit: "ratio", measured: median, note: `from ${min.toFixed(2)} to ${max.toFixed(2)}` };
}

/** The processes whose CPU time is counted. */
interface Pids {
  one: number;
  other: number;
}

/** Calls by each of the pair, by their median time and by the CPU time of the service. */
export async function compareCalls(
  name: string,
  pair: Pair<CallTimes>,
  { pids, rounds, report }: { pids: Pids; rounds: number; report: (what: string) => void },
): Promise<{ p50: Ratio; cpu: Ratio }> {
  const measured = (call: () => Promise<CallTimes>, pid: number) => async () => {
    const before = readProcessUsage(pid).cpuSeconds;
    const { latenciesMs, failures } = await call();
    if (failures.length > 0) throw new Error(`${failures.length} calls of ${name} failed: ${failures[0]}`);
    return { p50: quantile(latenciesMs, 0.5) ?? Number.NaN, cpu: readProcessUsage(pid).cpuSeconds - before };
  };
  const ratios: { p50: number; cpu: number }[] = [];
  await takeTurns(
    { one: measured(pair.one, pids.one), other: measured(pair.other, pids.other) },
    rounds,
    (one, other) => {
      ratios.push({ p50: one.p50 / other.p50, cpu: one.cpu / other.cpu });
    },
  );
  report(`${name}: ${ratios.map(({ p50, cpu }) => `${p50.toFixed(2)} (CPU ${cpu.toFixed(2)})`).join(", ")}`);
  return { p50: toRatio(ratios.map(({ p50 }) => p50)), cpu: toRatio(ratios.map(({ cpu }) => cpu)) };
}

/** Uploads to each of the pair's services, by the CPU time of the service. */
export async function compareUploads(
  stage: Stage,
  pair: Record<"one" | "other", { url: string; pid: number; token: string }>,
  { sizeBytes, rounds, report }: { sizeBytes: number; rounds: number; report: (what: string) => void },
): Promise<Ratio> {
  const entry = new URL("../clients/sluice-client.ts", import.meta.url);
  const start = async ({ url, pid, token }: (typeof pair)["one"]) => {
    const client = await startClient(entry, url, stage, { extra: { token, chunkCrc: "yes" } });
    return async () => {
      const before = readProcessUsage(pid).cpuSeconds;
      await client.ask({ sizeBytes });
      return readProcessUsage(pid).cpuSeconds - before;
    };
  };
  const ratios: number[] = [];
  await takeTurns({ one: await start(pair.one), other: await start(pair.other) }, rounds, (one, other) => {
    ratios.push(one / other);
  });
  report(`uploads: ${ratios.map((ratio) => ratio.toFixed(2)).join(", ")}`);
  return toRatio(ratios);
}
