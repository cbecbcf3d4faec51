// `npm run bench:read` measures what reading a file through Sluice costs, beside a bare relay in that direction. See --help.
import { count, only, runCommand, type Values } from "./command-line.ts";
import { type FigureRow, printFigures } from "./figures/figure-row.ts";
import { cpuRatio } from "./figures/figures.ts";
import { markdownTable } from "./figures/markdown-table.ts";
import { measureTransfer, spreadOf, type Transfer } from "./figures/measure.ts";
import { showSpread } from "./figures/report.ts";
import { READ_CONTENDERS, type ReadContender } from "./read/read-contender.ts";
import { runRounds } from "./run-rounds.ts";
import type { Stage } from "./stage/contender.ts";
import { onStage } from "./stage/stage.ts";

const options = {
  sizeMib: count("size of one measured file in MiB", 1024, [1, 1_000_000]),
  rounds: count("rounds over all contenders, whose median counts", 5, [1, 100]),
  only: only(READ_CONTENDERS.map(({ id }) => id)),
};
const MIB = 2 ** 20;
/** Each contender first reads a file of this size, which does not count. */
const WARM_UP_BYTES = 512 * MIB;

await runCommand({
  script: "bench:read",
  options,
  run: (values) => onStage(MIB, (stage) => measureAll(stage, values)),
});

interface Measured extends Transfer {
  readonly id: string;
}

async function measureAll(stage: Stage, run: Values<typeof options>): Promise<number> {
  const chosen = READ_CONTENDERS.filter(({ id }) => run.only?.includes(id) ?? true);
  const { rounds, skipped } = await runRounds(chosen, run.rounds, (one) => measure(one, stage, run.sizeMib * MIB));
  return printFigures(toFigures(rounds), {
    title: `${run.sizeMib} MiB, ${run.rounds} round(s); median [min-max]\n\n${showReads(chosen, rounds)}\n${skipped}`,
    facts: { options: run, rounds },
    json: run.json,
  });
}

async function measure(contender: ReadContender, stage: Stage, sizeBytes: number): Promise<Measured | string> {
  const running = await contender.start(stage, [WARM_UP_BYTES, sizeBytes]);
  if (typeof running === "string") return running;
  const { measured, client, stop } = running;
  try {
    await client.ask({ sizeBytes: WARM_UP_BYTES });
    return { id: contender.id, ...(await measureTransfer(measured, client, sizeBytes)) };
  } finally {
    await stop();
  }
}

function showReads(contenders: readonly ReadContender[], rounds: readonly (readonly Measured[])[]): string {
  const rows = contenders.flatMap(({ id, title, floor }) => {
    const own = rounds.flat().filter((one) => one.id === id);
    const show = (key: keyof Transfer, digits: number) => showSpread(spreadOf(own.map((one) => one[key]))!, digits);
    if (own.length === 0) return [];
    const times = cpuRatio<string>(rounds, id, floor);
    const kernel = spreadOf(own.map(({ systemSecondsPerGib }) => systemSecondsPerGib))!.median.toFixed(2);
    const shownTimes = times === undefined ? "" : showSpread(times, 2);
    return [[title, show("mibPerSecond", 0), show("cpuSecondsPerGib", 2), kernel, shownTimes]];
  });
  return markdownTable(["contender", "MiB/s", "cpu-s/GiB", "of it kernel", "x relay"], rows);
}

function toFigures(rounds: readonly (readonly Measured[])[]): FigureRow[] {
  const ratio = (name: string, [of, to]: readonly [string, string], atMost: number): FigureRow => ({
    name,
    unit: "ratio",
    measured: cpuRatio<string>(rounds, of, to)?.median,
    must: { atMost },
    ...(atMost === 1.4 && { aim: { atMost: 1.2 } }),
  });
  return [
    ratio("GET over HTTP/1.1 ÷ relay, CPU per GiB", ["rest", "floor"], 1.4),
    ratio("the same, TLS in and out", ["rest-tls", "floor-tls"], 1.4),
    ratio("ReadFile ÷ relay over HTTP/2", ["grpc", "floor-h2"], 2),
    ratio("the same, TLS in and out", ["grpc-tls", "floor-h2-tls"], 2),
  ];
}
