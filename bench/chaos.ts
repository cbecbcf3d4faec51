// `npm run chaos` breaks what the service consists of and depends on, by a seeded plan, while callers work, and then looks at what was lost,
// doubled or contradicts itself. It exits with 1 when a figure is not met. See --help.
import { toChaosFigures } from "./chaos/chaos-figures.ts";
import { PLANS } from "./chaos/faults/fault-plan.ts";
import { measureRollingRestart } from "./chaos/rolling-restart.ts";
import { runChaos } from "./chaos/run-chaos.ts";
import { measureSoak } from "./chaos/soak.ts";
import { count, name, number, report, runCommand, type Values } from "./command-line.ts";
import { type FigureRow, printFigures } from "./figures/figure-row.ts";
import { S3_BACKENDS } from "./kills/s3-backend.ts";
import { stopAllProcesses } from "./machine/child-process.ts";
import { clearOnSignal } from "./machine/clear-on-signal.ts";

const options = {
  scenario: name(
    "a plan of faults while callers work, a restart of all replicas under uploads, or work without faults",
    [...(["faults", "rolling", "soak"] as const)],
  ),
  minutes: number("how long faults or soak last; of rolling, the uploads end by themselves", 20, [0.1, 24 * 60]),
  seed: count("faults, their times and the calls follow from it", 1, [1, 2 ** 31]),
  plan: name("the kinds of faults", Object.keys(PLANS) as (keyof typeof PLANS)[]),
  faultMax: number("the longest fault, in seconds", 5, [0.1, 600]),
  replicas: count("replicas of the service", 3, [1, 16]),
  callers: count("callers with files of their own: so many that retry, and as many that do not", 5, [1, 100]),
  uploads: count("uploads of a rolling restart", 50, [1, 1000]),
  s3: name("the S3 server; versitygw must be on the PATH", Object.keys(S3_BACKENDS) as (keyof typeof S3_BACKENDS)[]),
};

const MIB = 2 ** 20;

await runCommand({ script: "chaos", options, run });

async function run(run: Values<typeof options>): Promise<number> {
  clearOnSignal(stopAllProcesses);
  const begun = performance.now();
  try {
    const rows = await measure(run);
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    const { scenario, plan, seed, s3, replicas, json } = run;
    return printFigures(rows, {
      title: `scenario ${scenario}, plan ${plan}, seed ${seed}, ${replicas} replicas, S3: ${s3}, ${seconds} s`,
      facts: { options: run },
      json,
    });
  } finally {
    await stopAllProcesses();
  }
}

async function measure({ scenario, minutes, faultMax, ...run }: Values<typeof options>): Promise<FigureRow[]> {
  report(`seed ${run.seed}`);
  const load = { sizesBytes: [1024, 20 * MIB] as const, pauseMs: 250, durationMs: minutes * 60_000 };
  const common = { ...run, ...load, partSizeBytes: 5 * MIB, report };
  if (scenario === "rolling") return await measureRollingRestart({ ...common, uploadBytes: 60 * MIB });
  if (scenario === "soak") return await measureSoak(common);
  const contested = { pairs: 25, callsPerHistory: 10_000, faultMaxMs: 1000 * faultMax };
  return toChaosFigures(await runChaos({ ...common, ...contested }));
}
