import { startSluice } from "../stage/sluice-service.ts";
import { type Crowd, countFailures, startCrowd, warmUp } from "./crowd.ts";
import { mib, type Scenario, scaledBytes } from "./scenario.ts";

/** Uploads one after the other, half of them before the fifty and half after. */
const ALONE = 16;

/** Fifty equal uploads begin together into two workers: the slowest must not be left behind, and together they go as fast as one. */
export const equalUploads: Scenario = {
  id: "equal",
  async measure({ stage, scale }) {
    const service = await startSluice(stage, { settings: { SLUICE_WORKERS: "2" } });
    const crowd = await startCrowd(service.url);
    try {
      await warmUp(crowd, scaledBytes(64, scale));
      const sizeBytes = scaledBytes(96, scale);
      const aloneBefore = await sendAlone(crowd, sizeBytes);
      const { seconds, failures } = await crowd.rush(50, sizeBytes);
      const aloneSeconds = (aloneBefore + (await sendAlone(crowd, sizeBytes))) / ALONE;
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
        {
          name: "50 uploads of 100 MB at once ÷ one after the other: bytes a second",
          unit: "ratio",
          measured: failures.length === 0 ? (aloneSeconds * 50) / slowest : undefined,
          must: { atLeast: 0.95 },
          aim: { atLeast: 1 },
          note: `${((50 * sizeBytes) / mib / slowest).toFixed(0)} and ${(sizeBytes / mib / aloneSeconds).toFixed(0)} MiB/s`,
        },
        {
          name: "50 uploads of 100 MB at once: failures",
          unit: "count",
          measured: failures.length,
          must: { atMost: 0 },
        },
      ];
    } finally {
      await crowd.stop();
      await service.process.stop();
    }
  },
};

/** Sends half of the uploads, and resolves to the seconds that they took. */
async function sendAlone(crowd: Crowd, sizeBytes: number): Promise<number> {
  let seconds = 0;
  for (let upload = 0; upload < ALONE / 2; upload++)
    seconds += (await crowd.rush(1, sizeBytes)).seconds[0] ?? Number.NaN;
  return seconds;
}
