import { startSluice } from "../sluice-service.ts";
import { countFailures, startCrowd, warmUp } from "./crowd.ts";
import { mib, type Scenario, scaledBytes } from "./scenario.ts";

/** Fifty equal uploads begin together into two workers: the slowest must not be left behind. */
export const equalUploads: Scenario = {
  id: "equal",
  async measure({ stage, scale }) {
    const service = await startSluice(stage, { settings: { SLUICE_WORKERS: "2" } });
    const crowd = await startCrowd(service.url);
    try {
      await warmUp(crowd, scaledBytes(64, scale));
      const sizeBytes = scaledBytes(128, scale);
      const { seconds, failures } = await crowd.rush(50, sizeBytes);
      const [fastest, slowest] = [Math.min(...seconds), Math.max(...seconds)];
      const note = `50 uploads of ${sizeBytes / mib} MiB: ${fastest.toFixed(1)} s to ${slowest.toFixed(1)} s; ${countFailures(failures) || "no failures"}`;
      return [
        {
          name: "slowest ÷ fastest of 50 equal uploads",
          unit: "ratio",
          measured: failures.length === 0 ? fastest / slowest : undefined,
          must: { atLeast: 0.5 },
          aim: { atLeast: 0.8 },
          note,
        },
      ];
    } finally {
      await crowd.stop();
      await service.process.stop();
    }
  },
};
