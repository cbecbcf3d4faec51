// `npm run bench:read` measures what reading a file through Sluice costs, beside a bare relay in that direction. See --help.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNames, runCommand } from "./command-line.ts";
import type { Stage } from "./contender.ts";
import { describeMachine } from "./describe-machine.ts";
import { cpuRatio } from "./figures.ts";
import { markdownTable } from "./markdown-table.ts";
import { measureTransfer, spreadOf, type Transfer } from "./measure.ts";
import { READ_CONTENDERS, type ReadContender } from "./read/read-contender.ts";
import { showSpread } from "./report.ts";
import { type FigureRow, printFigures } from "./sessions/figure-row.ts";
import { setStage } from "./stage.ts";

const ids = READ_CONTENDERS.map(({ id }) => id);
const usage = `usage: npm run bench:read -- [options]

  --size-mib N   size of one measured file in MiB (default 1024)
  --rounds N     rounds over all contenders, whose median counts (default 5)
  --only a,b     run these contenders alone: ${ids.join(", ")}
  --json         print one JSON document instead of the tables
`;
/** Each contender first reads a file of this size, which does not count. */
const WARM_UP_BYTES = 512 * 2 ** 20;

await runCommand({ usage, parse, run });

interface Measured extends Transfer {
  readonly id: string;
}

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  const { stage, clear } = await setStage(2 ** 20);
  clearOnSignal(clear);
  try {
    const chosen = READ_CONTENDERS.filter(({ id }) => options.only === undefined || options.only.includes(id));
    const rounds: Measured[][] = [];
    const absent = new Map<string, string>();
    for (let round = 1; round <= options.rounds; round++) {
      const measured: Measured[] = [];
      for (const contender of chosen.filter(({ id }) => !absent.has(id))) {
        const found = await measure(contender, stage, options.sizeBytes);
        if (typeof found === "string") absent.set(contender.id, found);
        else measured.push(found);
        process.stderr.write(`round ${round}/${options.rounds}  ${contender.id}\n`);
      }
      rounds.push(measured);
    }
    const machine = describeMachine();
    const skipped = [...absent].map(([id, reason]) => `skipped: ${id}: ${reason}\n`).join("");
    const title = `${machine}; ${options.sizeBytes / 2 ** 20} MiB, ${options.rounds} round(s); median [min-max]`;
    return printFigures(toFigures(rounds), {
      title: `${title}\n\n${showReads(chosen, rounds)}\n${skipped}`,
      facts: { machine, options, rounds },
      json: options.json,
    });
  } finally {
    await clear();
  }
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

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      "size-mib": { type: "string", default: "1024" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    sizeBytes: parseCount("size-mib", values["size-mib"], [1, 1_000_000]) * 2 ** 20,
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    only: parseNames("only", values.only, ids),
    json: values.json,
  };
}
