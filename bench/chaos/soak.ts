import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { FigureRow } from "../figures/figure-row.ts";
import { CHAOS_TOKEN, type ChaosRig, type ChaosRigOptions, startChaosRig } from "./chaos-rig.ts";
import { MixedLoad } from "./load/mixed-load.ts";
import { createPatientCaller } from "./load/patient-caller.ts";
import { Tally } from "./load/tally.ts";

/** Load without faults, and for how long. */
export interface SoakOptions extends ChaosRigOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly callers: number;
  readonly sizesBytes: readonly [number, number];
  readonly pauseMs: number;
  readonly report: (what: string) => void;
}

/** What the processes of all replicas have at one moment. */
interface Holdings {
  readonly rssBytes: number;
  /** Open file descriptors. */
  readonly handles: number;
  /** Those of them that are sockets. */
  readonly connections: number;
}

/** How many samples each third of the time has. */
const SAMPLES = 60;

/** Compares what the replicas hold in the last third of the time with what they held in the third before. The first third warms up. */
export async function measureSoak(options: SoakOptions): Promise<FigureRow[]> {
  const rig = await startChaosRig(options);
  try {
    const ended = new AbortController();
    const tally = new Tally();
    const loads = Array.from({ length: options.callers }, (_, index) => {
      const caller = createPatientCaller([rig.replicas[index % rig.replicas.length]?.url ?? ""], CHAOS_TOKEN);
      const own = { ...options, seed: options.seed * 1000 + index, folder: `soak/${index}`, signal: ended.signal };
      return new MixedLoad(caller, tally, own);
    });
    const working = Promise.all(loads.map((load) => load.run()));
    const thirds: Holdings[] = [];
    for (let third = 1; third <= 3; third++) {
      thirds.push(await watch(rig, options.durationMs / 3));
      options.report(`third ${third} of 3: ${JSON.stringify(thirds.at(-1))}`);
    }
    ended.abort();
    await working;
    const problems = loads.flatMap((load) => load.problems);
    const [, before, last] = thirds as [Holdings, Holdings, Holdings];
    const minutes = (options.durationMs / 180_000).toFixed(1);
    const toRow = (name: string, key: keyof Holdings): FigureRow => ({
      name: `${name} of all replicas, last ${minutes} minutes ÷ the ${minutes} before`,
      measured: last[key] / before[key],
      must: { atMost: 1.05 },
      aim: { atMost: 1 },
      unit: "ratio",
      note: `${Math.round(before[key])} and ${Math.round(last[key])}`,
    });
    return [
      toRow("resident memory in bytes", "rssBytes"),
      toRow("open handles", "handles"),
      toRow("connections", "connections"),
      {
        name: "calls that failed, and answers that were not right, without any fault",
        measured: tally.failed + problems.length,
        must: { atMost: 0 },
        unit: "count",
        note: [`${tally.calls} calls`, tally.describeReasons(), ...problems.slice(0, 3)].filter(Boolean).join("; "),
      },
    ];
  } finally {
    await rig.stop();
  }
}

/** The means over this time. */
async function watch(rig: ChaosRig, durationMs: number): Promise<Holdings> {
  const sum = { rssBytes: 0, handles: 0, connections: 0 };
  for (let sample = 0; sample < SAMPLES; sample++) {
    await delay(durationMs / SAMPLES);
    for (const { pid } of rig.replicas) {
      const own = readHoldings(pid);
      sum.rssBytes += own.rssBytes / SAMPLES;
      sum.handles += own.handles / SAMPLES;
      sum.connections += own.connections / SAMPLES;
    }
  }
  return sum;
}

/** What one process has, from Linux's procfs. */
function readHoldings(pid: number): Holdings {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const targets = readdirSync(`/proc/${pid}/fd`).map((handle) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${handle}`);
    } catch {
      // It was closed meanwhile.
      return "";
    }
  });
  return {
    rssBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024,
    handles: targets.length,
    connections: targets.filter((target) => target.startsWith("socket:")).length,
  };
}
