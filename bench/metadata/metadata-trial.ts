import type { Client } from "pg";
import type { Checkout } from "../against/checkout.ts";
import type { Cost, Trial } from "../against/compare-checkouts.ts";
import type { Stage } from "../stage/contender.ts";
import { migrateDatabase, startSluice } from "../stage/sluice-service.ts";
import { drawCallKinds } from "./call-kinds.ts";
import { startCallLoad } from "./call-load.ts";
import { fillDatabase } from "./filled-database.ts";
import type { MetadataLoad } from "./measure-latencies.ts";
import { saturate } from "./measure-saturation.ts";
import { createSample, type Sample } from "./sample.ts";

/** Calls that wait for an answer at any time. */
const IN_FLIGHT = 8;
/** The calls of a warm-up, as a fraction of those that are measured: the measured code must be compiled. */
const WARM_UP_PART = 0.5;

/** A trial on databases that it fills, one for each checkout. */
export interface MetadataTrial {
  readonly trial: Trial;
  /** Closes its connections to the databases. */
  close(): Promise<void>;
}

/** CPU time of the service for metadata calls, in milliseconds per call. A few callers keep one worker busy. */
export async function createMetadataTrial(
  stageOf: (checkout: Checkout) => Stage,
  load: MetadataLoad,
  options: { checkouts: readonly Checkout[]; report: (what: string) => void },
): Promise<MetadataTrial> {
  const clients = new Map<string, Client>();
  const close = async () => void (await Promise.all([...clients.values()].map((client) => client.end())));
  try {
    for (const checkout of options.checkouts) {
      if (clients.has(checkout.directory)) continue;
      const stage = stageOf(checkout);
      await migrateDatabase(stage);
      clients.set(
        checkout.directory,
        await fillDatabase(await stage.databaseUrl(), { rows: load.rows }, options.report),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  const trial: Trial = async (checkout) =>
    await measureCalls(stageOf(checkout), createSample(clients.get(checkout.directory)!, load), load);
  return { trial, close };
}

async function measureCalls(stage: Stage, sample: Sample, load: MetadataLoad): Promise<Cost[]> {
  const count = Math.ceil(load.seconds * load.ratePerSecond);
  const warmUp = Math.ceil(count * WARM_UP_PART);
  const service = await startSluice(stage);
  const calls = await startCallLoad(service.url, Math.min(load.connections, IN_FLIGHT));
  const costs: Cost[] = [];
  try {
    for (const { name, run } of await drawCallKinds(sample, count + warmUp)) {
      await run(calls, [0, warmUp], IN_FLIGHT);
      const { cpuMs } = await saturate(service.process.pid, count, () =>
        run(calls, [warmUp, count + warmUp], IN_FLIGHT),
      );
      costs.push({ name: `CPU ms a call, ${name}`, value: cpuMs });
    }
    return costs;
  } finally {
    await calls.stop();
    await service.process.stop();
  }
}
