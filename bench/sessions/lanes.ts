import type { Stage } from "../contender.ts";
import { spreadOf } from "../measure.ts";
import { readProcessUsage } from "../process-usage.ts";
import { type SluiceService, startSluice } from "../sluice-service.ts";
import { type Crowd, startCrowd } from "./crowd.ts";
import { type Scenario, scaledBytes } from "./scenario.ts";

const rounds = 9;
/** Files before the first round, for each worker: compiled code is what is compared. */
const warmUps = 2;

/** One file in four lanes over two workers costs what it costs in one lane and one worker, and goes faster. */
export const lanes: Scenario = {
  id: "lanes",
  async measure({ stage, scale }) {
    // Whole parts for every lane, whatever the scale.
    const sizeBytes = 32 * scaledBytes(32, scale);
    const one = await open(stage, { workers: 1, lanes: 1 });
    const four = await open(stage, { workers: 2, lanes: 4 });
    try {
      for (const rig of [one, four]) {
        for (let file = 0; file < warmUps * rig.workers; file++) await send(rig, sizeBytes);
      }
      const ratios: number[] = [];
      const speedUps: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const [single, many] = [await send(one, sizeBytes), await send(four, sizeBytes)];
        ratios.push(many.cpuSeconds / single.cpuSeconds);
        speedUps.push(single.seconds / many.seconds);
      }
      const cpu = spreadOf(ratios)!;
      return [
        {
          name: "4 lanes over 2 workers: CPU per GiB ÷ 1 lane, 1 worker",
          unit: "ratio",
          measured: cpu.median,
          must: { atMost: 1.15 },
          aim: { atMost: 1.05 },
          note: `median of ${rounds} [${cpu.min.toFixed(2)}-${cpu.max.toFixed(2)}]; ${spreadOf(speedUps)!.median.toFixed(2)} times as fast`,
        },
      ];
    } finally {
      for (const { crowd, service } of [one, four]) {
        await crowd.stop();
        await service.process.stop();
      }
    }
  },
};

interface LaneRig {
  readonly service: SluiceService;
  readonly crowd: Crowd;
  readonly workers: number;
  readonly lanes: number;
}

async function open(stage: Stage, { workers, lanes }: { workers: number; lanes: number }): Promise<LaneRig> {
  const service = await startSluice(stage, { settings: { SLUICE_WORKERS: String(workers) } });
  return { service, crowd: await startCrowd(service.url), workers, lanes };
}

async function send({ service, crowd, lanes }: LaneRig, sizeBytes: number) {
  const before = readProcessUsage(service.process.pid).cpuSeconds;
  const seconds = await crowd.lanes(lanes, sizeBytes);
  return { seconds, cpuSeconds: readProcessUsage(service.process.pid).cpuSeconds - before };
}
