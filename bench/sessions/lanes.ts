import type { FigureRow } from "../figures/figure-row.ts";
import { spreadOf } from "../figures/measure.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import { findTlsProblem, type Stage, type TlsSides } from "../stage/contender.ts";
import { type SluiceService, startSluice } from "../stage/sluice-service.ts";
import { type Crowd, startCrowd } from "./crowd.ts";
import { type Scenario, type ScenarioPlace, scaledBytes } from "./scenario.ts";

/**
 * Pairs of services: the connections that a worker gets, and the way that its code is compiled, stay the same for as long as
 * it lives.
 */
const pairs = 3;
/** Rounds of each pair: a round takes a second, and the machine's speed changes by a third within that time. */
const rounds = 5;
/**
 * Files before the first round, for each worker, so that the comparison is between compiled code: the first six files cost a
 * quarter more.
 */
const warmUps = 6;

/** One file in four lanes over two workers costs as much as in one lane and one worker, and goes faster. */
export const lanes: Scenario = {
  id: "lanes",
  measure: (place) => compareLanes(place, "none"),
};

/** The comparison of lanes under TLS on both sides. It gives no figure where this machine cannot make a certificate. */
export const lanesTls: Scenario = {
  id: "lanes-tls",
  measure: async (place) =>
    findTlsProblem(place.stage, "both") === undefined ? await compareLanes(place, "both") : [],
};

async function compareLanes({ stage, scale }: ScenarioPlace, tls: TlsSides): Promise<FigureRow[]> {
  // Every lane gets whole parts, whatever the scale.
  const sizeBytes = 32 * scaledBytes(32, scale);
  const compared: Comparison[] = [];
  for (let pair = 0; pair < pairs; pair++) compared.push(...(await comparePair(stage, sizeBytes, tls)));
  const cpu = spreadOf(compared.map(({ cpuRatio }) => cpuRatio))!;
  const speedUp = spreadOf(compared.map((one) => one.speedUp))!;
  return [
    {
      name: `4 lanes over 2 workers${tls === "both" ? ", TLS" : ""}: CPU per GiB ÷ 1 lane, 1 worker`,
      unit: "ratio",
      measured: cpu.median,
      must: { atMost: 1.15 },
      aim: { atMost: 1.05 },
      note: `median of ${compared.length} [${cpu.min.toFixed(2)}-${cpu.max.toFixed(2)}]; ${speedUp.median.toFixed(2)} times as fast`,
    },
  ];
}

interface Comparison {
  readonly cpuRatio: number;
  readonly speedUp: number;
}

async function comparePair(stage: Stage, sizeBytes: number, tls: TlsSides): Promise<Comparison[]> {
  const one = await open(stage, { tls, workers: 1, lanes: 1 });
  const four = await open(stage, { tls, workers: 2, lanes: 4 });
  try {
    for (const rig of [one, four]) {
      for (let file = 0; file < warmUps * rig.workers; file++) await send(rig, sizeBytes);
    }
    const compared: Comparison[] = [];
    for (let round = 0; round < rounds; round++) {
      const [single, many] = [await send(one, sizeBytes), await send(four, sizeBytes)];
      compared.push({ cpuRatio: many.cpuSeconds / single.cpuSeconds, speedUp: single.seconds / many.seconds });
    }
    return compared;
  } finally {
    for (const { crowd, service } of [one, four]) {
      await crowd.stop();
      await service.process.stop();
    }
  }
}

interface LaneRig {
  readonly service: SluiceService;
  readonly crowd: Crowd;
  readonly workers: number;
  readonly lanes: number;
}

async function open(
  stage: Stage,
  { tls, workers, lanes }: { tls: TlsSides; workers: number; lanes: number },
): Promise<LaneRig> {
  const service = await startSluice(stage, { tls, settings: { SLUICE_WORKERS: String(workers) } });
  return { service, crowd: await startCrowd(service.url, { certPath: stage.certificate?.certPath }), workers, lanes };
}

async function send({ service, crowd, lanes }: LaneRig, sizeBytes: number) {
  const before = readProcessUsage(service.process.pid).cpuSeconds;
  const seconds = await crowd.lanes(lanes, sizeBytes);
  return { seconds, cpuSeconds: readProcessUsage(service.process.pid).cpuSeconds - before };
}
