// `npm run bench:small` measures what a file of 1 KiB costs through Sluice and through what else people would take. See --help.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNames, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { printFigures } from "./sessions/figure-row.ts";
import { measureSmall, type SmallMeasurement } from "./small/measure-small.ts";
import { SMALL_CONTENDERS } from "./small/small-contender.ts";
import { showSmall, toSmallFigures } from "./small/small-report.ts";
import { setStage } from "./stage.ts";

const ids = SMALL_CONTENDERS.map(({ id }) => id);
const usage = `usage: npm run bench:small -- [options]

  --uploads N    files of each run; a quarter of them one after the other (default 2000)
  --at N,N       how many at once (default 1,50,100)
  --rounds N     rounds over all contenders, whose median counts (default 5)
  --only a,b     run these contenders alone: ${ids.join(", ")}
  --json         print one JSON document instead of the tables
`;

await runCommand({ usage, parse, run });

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  const { stage, clear } = await setStage(1024);
  clearOnSignal(clear);
  try {
    const chosen = SMALL_CONTENDERS.filter(({ id }) => options.only === undefined || options.only.includes(id));
    const rounds: SmallMeasurement[] = [];
    const absent = new Map<string, string>();
    for (let round = 1; round <= options.rounds; round++) {
      for (const contender of chosen.filter(({ id }) => !absent.has(id))) {
        const measured = await measureSmall(contender, stage, options);
        if (typeof measured === "string") absent.set(contender.id, measured);
        else rounds.push(...measured);
        process.stderr.write(`round ${round}/${options.rounds}  ${contender.id}\n`);
      }
    }
    const machine = describeMachine();
    const skipped = [...absent].map(([id, reason]) => `skipped: ${id}: ${reason}\n`).join("");
    const title = `${machine}; ${options.uploads} files of 1 KiB, ${options.rounds} round(s); median [min-max]`;
    return printFigures(toSmallFigures(rounds), {
      title: `${title}\n\n${showSmall(chosen, rounds)}\n${skipped}`,
      facts: { machine, options, rounds },
      json: options.json,
    });
  } finally {
    await clear();
  }
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      uploads: { type: "string", default: "2000" },
      at: { type: "string", default: "1,50,100" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    uploads: parseCount("uploads", values.uploads, [4, 1_000_000]),
    atOnce: values.at.split(",").map((text) => parseCount("at", text, [1, 1000])),
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    only: parseNames("only", values.only, ids),
    json: values.json,
  };
}
