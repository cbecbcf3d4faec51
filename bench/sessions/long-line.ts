import { spreadOf } from "../figures/measure.ts";
import { forkProcess } from "../machine/child-process.ts";
import type { LineArguments } from "../servers/line-server.ts";
import { startSluice } from "../stage/sluice-service.ts";
import { startCrowd } from "./crowd.ts";
import { mib, type Scenario, type ScenarioPlace, scaledBytes } from "./scenario.ts";

const bytesPerSecond = 100 * mib;
const rounds = 3;

/** One upload over a line of 100 MiB/s: a round trip of 60 ms must not slow it down. */
export const longLine: Scenario = {
  id: "line",
  async measure(place) {
    const service = await startSluice(place.stage, { settings: { SLUICE_WORKERS: "1" } });
    try {
      const near: number[] = [];
      const far: number[] = [];
      for (let round = 0; round < rounds; round++) {
        near.push(await rateOver(0, service.url, place));
        far.push(await rateOver(60, service.url, place));
      }
      const [atOnce, late] = [spreadOf(near)!.median, spreadOf(far)!.median];
      return [
        {
          name: "100 MiB/s line at 60 ms ÷ at 0 ms, one lane",
          unit: "ratio",
          measured: late / atOnce,
          must: { atLeast: 0.85 },
          aim: { atLeast: 0.95 },
          note: `${late.toFixed(0)} MiB/s at 60 ms, ${atOnce.toFixed(0)} MiB/s at 0 ms; medians of ${rounds}`,
        },
      ];
    } finally {
      await service.process.stop();
    }
  },
};

/** MiB/s of one upload over a line of its own. The connection is new, so its windows begin small. */
async function rateOver(roundTripMs: number, targetUrl: string, { scale }: ScenarioPlace): Promise<number> {
  const args: LineArguments = { targetUrl, roundTripMs, bytesPerSecond };
  const entry = new URL("../servers/line-server.ts", import.meta.url);
  const line = await forkProcess(entry, { args: [JSON.stringify(args)] });
  const crowd = await startCrowd(String(line.ready.url));
  try {
    const sizeBytes = scaledBytes(512, scale);
    const { seconds, failures } = await crowd.rush(1, sizeBytes);
    if (seconds[0] === undefined) throw new Error(`the upload over the line failed: ${failures.join()}`);
    return sizeBytes / mib / seconds[0];
  } finally {
    await crowd.stop();
    await line.stop();
  }
}
