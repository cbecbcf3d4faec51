// `npm run bench:attacks` measures how much somebody without a token, or one caller, can take from all others. See --help.
import { findNewHandles, showAttacks, toFigures } from "./attacks/attack-figures.ts";
import { attacksWithToken } from "./attacks/attacks-with-token.ts";
import { attacksWithoutToken } from "./attacks/attacks-without-token.ts";
import { runAttacksApart } from "./attacks/run-attacks.ts";
import { count, number, only, report, runCommand, type Values } from "./command-line.ts";
import { describeMachine } from "./machine/describe-machine.ts";
import { onStage } from "./stage/stage.ts";

const attacks = [...attacksWithoutToken, ...attacksWithToken];
const options = {
  only: only(attacks.map(({ id }) => id)),
  seconds: number("seconds of each attack, and of the same attack on a listener that does nothing", 30, [0.1, 3600]),
  settle: number("seconds after an attack until memory is measured again", 60, [0, 3600]),
  quiet: number("seconds without a caller until handles are counted; 0 leaves that out", 600, [0, 3600]),
  scale: number("multiply the attacks' connections and calls by this", 1, [0.01, 1]),
  files: count("files in the table", 100_000, [1000, 1_000_000]),
};

await runCommand({ script: "bench:attacks", options, run });

async function run({ settle: settleSeconds, quiet: quietSeconds, ...rest }: Values<typeof options>): Promise<number> {
  if (process.platform !== "linux") {
    report("the benchmark reads memory from /proc, and attacks from 127.0.0.2: it needs Linux");
    return 1;
  }
  const run = { ...rest, settleSeconds, quietSeconds };
  const chosen = attacks.filter(({ id }) => run.only?.includes(id) ?? true);
  const result = await onStage(0, (stage) => runAttacksApart(chosen, { stage, run, report }));
  const figures = result.outcomes.map(toFigures);
  const machine = describeMachine();
  if (run.json) {
    const shown = { machine, options: run, figures, handles: result.handles };
    process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  } else process.stdout.write(`${machine}; ${run.seconds} s each\n\n${showAttacks(result)}\n`);
  const more = result.handles === undefined ? [] : findNewHandles(result.handles);
  return figures.every(({ missed }) => missed.length === 0) && more.length === 0 ? 0 : 1;
}
