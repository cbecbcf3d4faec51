// `npm run bench:attacks` measures how much somebody without a token, or one caller, can take from all others. See --help.
import { parseArgs } from "node:util";
import { findNewHandles, showAttacks, toFigures } from "./attacks/attack-figures.ts";
import { attacksWithToken } from "./attacks/attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks/attacks-without-token.ts";
import { runAttacksApart } from "./attacks/run-attacks.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNames, parseNumber, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { setStage } from "./stage.ts";

const attacks = [...attacksWithoutToken, ...attacksWithToken];
const ids = attacks.map(({ id }) => id);
const usage = `usage: npm run bench:attacks -- [options]

  --only a,b     make these attacks alone: ${ids.join(", ")}
  --seconds N    seconds of each attack, and of the same attack on a listener that does nothing (default 30)
  --settle N     seconds after an attack until memory is measured again (default 60)
  --quiet N      seconds without a caller until handles are counted; 0 leaves that out (default 600)
  --scale X      multiply the attacks' connections and calls by this, from 0.01 to 1 (default 1)
  --files N      files in the table (default 100000)
  --json         print one JSON document instead of the table
`;

await runCommand({ usage, parse, run });

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  if (process.platform !== "linux") {
    process.stderr.write("the benchmark reads memory from /proc, and attacks from 127.0.0.2: it needs Linux\n");
    return 1;
  }
  const { stage, clear } = await setStage(0);
  clearOnSignal(clear);
  try {
    const chosen = attacks.filter(({ id }) => options.only === undefined || options.only.includes(id));
    const report = (what: string) => process.stderr.write(`${what}\n`);
    const result = await runAttacksApart(chosen, { stage, run: options, report });
    const figures = result.outcomes.map(toFigures);
    const machine = describeMachine();
    if (options.json)
      process.stdout.write(`${JSON.stringify({ machine, options, figures, handles: result.handles }, null, 2)}\n`);
    else process.stdout.write(`${machine}; ${options.seconds} s each\n\n${showAttacks(result)}\n`);
    const more = result.handles === undefined ? [] : findNewHandles(result.handles);
    return figures.every(({ missed }) => missed.length === 0) && more.length === 0 ? 0 : 1;
  } finally {
    await clear();
  }
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string" },
      seconds: { type: "string", default: "30" },
      settle: { type: "string", default: "60" },
      quiet: { type: "string", default: "600" },
      scale: { type: "string", default: "1" },
      files: { type: "string", default: "100000" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    only: parseNames("only", values.only, ids),
    seconds: parseNumber("seconds", values.seconds, [0.1, 3600]),
    settleSeconds: parseNumber("settle", values.settle, [0, 3600]),
    quietSeconds: parseNumber("quiet", values.quiet, [0, 3600]),
    scale: parseNumber("scale", values.scale, [0.01, 1]),
    files: parseCount("files", values.files, [1000, 1_000_000]),
    json: values.json,
  };
}
