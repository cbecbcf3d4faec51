import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import type { FigureRow } from "../figures/figure-row.ts";
import { spreadOf } from "../figures/measure.ts";
import { forkProcess } from "../machine/child-process.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import { emptyMethod } from "../servers/empty-service.ts";
import type { SluiceService } from "../stage/sluice-service.ts";
import { type CallTimes, startCallLoad } from "./call-load.ts";
import type { FilledDatabase } from "./filled-database.ts";
import type { MetadataLoad } from "./measure-latencies.ts";
import { createSample } from "./sample.ts";

/** Calls that wait for an answer at any time. */
const SATURATED_IN_FLIGHT = 64;
const ROUNDS = 3;

/**
 * Measures how many calls a second one worker answers, beside how many connect-node answers by itself with a method that does
 * nothing. The two take turns.
 */
export async function measureSaturation(
  service: SluiceService,
  database: FilledDatabase,
  load: MetadataLoad,
): Promise<FigureRow> {
  const sample = createSample(database.client, load);
  const calls = await startCallLoad(service.url, load.connections);
  const empty = await forkProcess(new URL("../servers/empty-server.ts", import.meta.url), { args: ["{}"] });
  const emptyCalls = await startCallLoad(String(empty.ready.url), load.connections);
  const requests = (await sample.paths(Math.ceil(load.seconds * 500))).map((path) => ({ namespace: "default", path }));
  const nothing = requests.map(() => ({}));
  const pace = { inFlight: SATURATED_IN_FLIGHT };
  try {
    const ratios: number[] = [];
    const rates: string[] = [];
    // The first round compiles the code and does not count.
    for (let round = 0; round <= ROUNDS; round++) {
      const own = await saturate(service.process.pid, requests.length, () =>
        calls.run(FileQueryService.method.getFile, requests, pace),
      );
      const floor = await saturate(empty.pid, requests.length, () => emptyCalls.run(emptyMethod, nothing, pace));
      if (round === 0) continue;
      ratios.push(own.perSecond / floor.perSecond);
      rates.push(
        `${own.perSecond.toFixed(0)} and ${floor.perSecond.toFixed(0)}/s (${own.cpuMs.toFixed(2)} and ${floor.cpuMs.toFixed(2)} ms CPU a call)`,
      );
    }
    const measured = spreadOf(ratios)?.median;
    const name = "GetFile requests/s ÷ an empty connect-node method's";
    return { name, unit: "ratio", measured, must: { atLeast: 0.5 }, aim: { atLeast: 0.8 }, note: rates.join("; ") };
  } finally {
    await calls.stop();
    await emptyCalls.stop();
    await empty.stop();
  }
}

/**
 * Makes all calls, as many at once as `run` does. Resolves to the calls per second, and the CPU time of process `pid` per call.
 */
export async function saturate(pid: number, count: number, run: () => Promise<CallTimes>) {
  const before = readProcessUsage(pid).cpuSeconds;
  const { seconds, failures } = await run();
  if (failures.length > 0) throw new Error(`${failures.length} calls failed: ${failures[0]}`);
  return { perSecond: count / seconds, cpuMs: ((readProcessUsage(pid).cpuSeconds - before) / count) * 1000 };
}
