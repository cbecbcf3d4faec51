import { setTimeout as delay } from "node:timers/promises";
import { spreadOf } from "../figures/measure.ts";
import { startSluice } from "../stage/sluice-service.ts";
import { type Crowd, countFailures, type Rush, startCrowd, warmUp } from "./crowd.ts";
import { watchMemory } from "./memory-watch.ts";
import { memoryMustMib, mib, type Scenario, scaledBytes } from "./scenario.ts";

const fastUploads = 10;
/**
 * Rushes of the fast uploads, alone and beside the slow ones. A rush takes less than 3 s, and the machine's speed changes by
 * a third within that time.
 */
const rounds = 3;
const rushTimeoutMs = 120_000;
/** How long the slow uploads are open before the fast ones begin: longer than S3 requests may idle. */
const settleMs = 15_000;

/** A thousand uploads trickle at 1 KiB/s beside ten fast ones: the fast ones must stay fast, and the slow ones must finish. */
export const tricklers: Scenario = {
  id: "trickle",
  async measure({ stage, scale }) {
    // The slow uploads alone would fill the default limits, and nobody is to be refused here.
    const settings = { SLUICE_WORKERS: "2", SLUICE_UPLOADS_MAX: "1500", SLUICE_ADDRESS_CONNECTIONS_MAX: "1500" };
    const service = await startSluice(stage, { settings });
    const [fast, slow] = [await startCrowd(service.url), await startCrowd(service.url)];
    try {
      const sizeBytes = scaledBytes(256, scale);
      await warmUp(fast, scaledBytes(64, scale));
      const alone = await rushes(fast, sizeBytes);
      const count = Math.round(1000 * scale);
      const memory = watchMemory(service.process.pid);
      await slow.trickle(count, 12 * mib);
      await delay(settleMs);
      const beside = await rushes(fast, sizeBytes);
      const ended = await slow.endTrickle();
      const peakMib = memory.stop() / mib;
      const failures = [...alone.failures, ...beside.failures];
      const name = "1,000 uploads trickling at 1 KiB/s";
      const note = `${count} slow ones; 10 fast ones of ${sizeBytes / mib} MiB took ${alone.seconds.toFixed(1)} s alone, beside them ${beside.seconds.toFixed(1)} s, medians of ${rounds}; ${countFailures(failures) || "no failures"}`;
      return [
        {
          name: `${name}: 10 fast ones ÷ alone`,
          unit: "ratio",
          measured: failures.length > 0 ? 0 : alone.seconds / beside.seconds,
          must: { atLeast: 0.7 },
          aim: { atLeast: 0.9 },
          note,
        },
        { name: `${name}: peak RSS`, unit: "MiB", measured: peakMib, must: { atMost: memoryMustMib } },
        {
          name: `${name}: not finished in the end`,
          unit: "count",
          measured: ended.failures.length,
          must: { atMost: 0 },
          note: countFailures(ended.failures) || "all finished",
        },
      ];
    } finally {
      await slow.stop();
      await fast.stop();
      await service.process.stop();
    }
  },
};

/** Makes several rushes, one after the other. Resolves to the median of the seconds until the last upload of each had ended. */
async function rushes(fast: Crowd, sizeBytes: number): Promise<{ seconds: number; failures: readonly string[] }> {
  const done: Rush[] = [];
  for (let round = 0; round < rounds; round++) {
    const late = delay(
      rushTimeoutMs,
      { seconds: [], failures: [`not done within ${rushTimeoutMs / 1000} s`] },
      { ref: false },
    );
    const rush = await Promise.race([fast.rush(fastUploads, sizeBytes), late]);
    done.push(rush);
    // Uploads that are still under way would disturb the next rush.
    if (rush.seconds.length === 0) break;
  }
  const seconds = spreadOf(done.map((rush) => Math.max(...rush.seconds)))!.median;
  return { seconds, failures: done.flatMap((rush) => rush.failures) };
}
