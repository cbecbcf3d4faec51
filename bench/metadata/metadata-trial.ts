import type { Client } from "pg";
import { FileCommandService } from "../../gen/sluice/v1/file_command_service_pb.ts";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import type { Checkout } from "../against/checkout.ts";
import type { Cost, Trial } from "../against/compare-checkouts.ts";
import type { Stage } from "../contender.ts";
import { migrateDatabase, startSluice } from "../sluice-service.ts";
import { startCallLoad } from "./call-load.ts";
import { fillDatabase } from "./filled-database.ts";
import type { MetadataLoad } from "./measure-latencies.ts";
import { saturate } from "./measure-saturation.ts";
import { createSample, drawFilter, type Sample } from "./sample.ts";

/** Calls that wait for an answer at any time. */
const IN_FLIGHT = 8;
/** The calls of a warm-up, as a fraction of those that are measured: the measured code must be compiled. */
const WARM_UP_PART = 0.5;
const namespace = "default";
const { getFile, listFiles, searchFiles } = FileQueryService.method;
const { updateFile } = FileCommandService.method;

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
      clients.set(checkout.directory, await fillDatabase(await stage.databaseUrl(), load.rows, options.report));
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
  const cost = async (name: string, run: (from: number, to?: number) => ReturnType<typeof calls.run>) => {
    await run(0, warmUp);
    const { cpuMs } = await saturate(service.process.pid, count, () => run(warmUp));
    return { name: `CPU ms a call, ${name}`, value: cpuMs };
  };
  const pace = { inFlight: IN_FLIGHT };
  try {
    const paths = await sample.paths(count + warmUp);
    const gets = paths.map((path) => ({ namespace, path }));
    const lists = paths.map((path) => ({ namespace, prefix: path.slice(0, path.lastIndexOf("/")) }));
    const searches = paths.map(() => ({ namespace, filter: drawFilter(sample) }));
    const updates = paths.map((path, index) => ({
      requestId: crypto.randomUUID(),
      file: { namespace, path, labels: { stage: `stage-${index % 4}` } },
      updateMask: { paths: ["labels.stage"] },
    }));
    return [
      await cost("GetFile", (...range) => calls.run(getFile, gets.slice(...range), pace)),
      await cost("ListFiles", (...range) => calls.run(listFiles, lists.slice(...range), pace)),
      await cost("SearchFiles by filter", (...range) => calls.run(searchFiles, searches.slice(...range), pace)),
      await cost("UpdateFile", (...range) => calls.run(updateFile, updates.slice(...range), pace)),
    ];
  } finally {
    await calls.stop();
    await service.process.stop();
  }
}
