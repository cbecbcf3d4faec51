// `npm run bench:small` measures what a file of 1 KiB costs through Sluice and through what else people would take. See --help.
import { count, list, only, runCommand, type Values } from "./command-line.ts";
import { printFigures } from "./figures/figure-row.ts";
import { runRounds } from "./run-rounds.ts";
import { measureSmall } from "./small/measure-small.ts";
import { SMALL_CONTENDERS } from "./small/small-contender.ts";
import { showSmall, toSmallFigures } from "./small/small-report.ts";
import type { Stage } from "./stage/contender.ts";
import { onStage } from "./stage/stage.ts";

const ids = SMALL_CONTENDERS.map(({ id }) => id);
const options = {
  uploads: count("files of each run; a quarter of them one after the other", 2000, [4, 1_000_000]),
  at: { ...list(count("how many at once", 1, [1, 1000])), fallback: "1,50,100" },
  rounds: count("rounds over all contenders, whose median counts", 5, [1, 100]),
  only: only(ids),
};

await runCommand({ script: "bench:small", options, run: (values) => onStage(1024, (stage) => measure(stage, values)) });

async function measure(stage: Stage, run: Values<typeof options>): Promise<number> {
  const chosen = SMALL_CONTENDERS.filter(({ id }) => run.only?.includes(id) ?? true);
  const { rounds, skipped } = await runRounds(chosen, run.rounds, (one) =>
    measureSmall(one, stage, { uploads: run.uploads, atOnce: run.at }),
  );
  const measured = rounds.flat(2);
  const title = `${run.uploads} files of 1 KiB, ${run.rounds} round(s); median [min-max]`;
  return printFigures(toSmallFigures(measured), {
    title: `${title}\n\n${showSmall(chosen, measured)}\n${skipped}`,
    facts: { options: run, rounds: measured },
    json: run.json,
  });
}
