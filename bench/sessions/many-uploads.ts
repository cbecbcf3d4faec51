import type { Checkout } from "../against/checkout.ts";
import type { Trial } from "../against/compare-checkouts.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import type { Stage } from "../stage/contender.ts";
import { startSluice } from "../stage/sluice-service.ts";
import { countFailures, startCrowd, warmUp } from "./crowd.ts";
import { watchMemory } from "./memory-watch.ts";
import { memoryMustMib, mib, type Scenario, type ScenarioPlace, scaledBytes } from "./scenario.ts";

/** MiB of each upload. */
const sizeMib = 64;

/** CPU time per GiB for a hundred uploads at once, for the service of one checkout. */
export function createManyTrial(stageOf: (checkout: Checkout) => Stage, scale: number): Trial {
  return async (checkout) => {
    const { cpuSeconds, uploads, failures } = await rushMany({ stage: stageOf(checkout), scale });
    if (failures.length > 0) throw new Error(`${checkout.label}: ${countFailures(failures)}`);
    return [{ name: `CPU s per GiB, ${uploads} uploads at once`, value: cpuSeconds / ((uploads * sizeMib) / 1024) }];
  };
}

/** A hundred uploads of 64 MiB at once into two workers: none fails, and memory keeps to its budget. */
export const manyUploads: Scenario = {
  id: "many",
  async measure(place) {
    const { uploads, seconds, failures, peakMib } = await rushMany(place);
    const rate = (seconds.length * sizeMib) / Math.max(...seconds);
    const note = `${uploads} uploads, ${rate.toFixed(0)} MiB/s together; ${countFailures(failures) || "no failures"}`;
    return [
      {
        name: "100 uploads of 64 MiB at once: failures",
        unit: "count",
        measured: failures.length,
        must: { atMost: 0 },
        note,
      },
      {
        name: "100 uploads of 64 MiB at once: peak RSS",
        unit: "MiB",
        measured: peakMib,
        must: { atMost: memoryMustMib },
      },
    ];
  },
};

async function rushMany({ stage, scale }: ScenarioPlace) {
  const service = await startSluice(stage, { settings: { SLUICE_WORKERS: "2" } });
  const crowd = await startCrowd(service.url);
  try {
    await warmUp(crowd, scaledBytes(sizeMib, scale));
    const uploads = Math.max(1, Math.round(100 * scale));
    const memory = watchMemory(service.process.pid);
    const cpuBefore = readProcessUsage(service.process.pid).cpuSeconds;
    const rush = await crowd.rush(uploads, sizeMib * mib);
    const cpuSeconds = readProcessUsage(service.process.pid).cpuSeconds - cpuBefore;
    return { ...rush, uploads, cpuSeconds, peakMib: memory.stop() / mib };
  } finally {
    await crowd.stop();
    await service.process.stop();
  }
}
