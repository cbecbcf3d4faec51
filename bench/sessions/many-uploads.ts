import { startSluice } from "../sluice-service.ts";
import { countFailures, startCrowd, warmUp } from "./crowd.ts";
import { watchMemory } from "./memory-watch.ts";
import { memoryMustMib, mib, type Scenario, scaledBytes } from "./scenario.ts";

/** A hundred uploads of 64 MiB at once into two workers: none fails, and memory keeps to its budget. */
export const manyUploads: Scenario = {
  id: "many",
  async measure({ stage, scale }) {
    const service = await startSluice(stage, { settings: { SLUICE_WORKERS: "2" } });
    const crowd = await startCrowd(service.url);
    try {
      await warmUp(crowd, scaledBytes(64, scale));
      const uploads = Math.max(1, Math.round(100 * scale));
      const memory = watchMemory(service.process.pid);
      const { seconds, failures } = await crowd.rush(uploads, 64 * mib);
      const peakMib = memory.stop() / mib;
      const rate = (seconds.length * 64) / Math.max(...seconds);
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
    } finally {
      await crowd.stop();
      await service.process.stop();
    }
  },
};
