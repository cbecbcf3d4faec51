// `npm run chaos` breaks what the service consists of and depends on, by a seeded plan, while callers work, and then looks at what was lost,
// doubled or contradicts itself. It exits with 1 when a figure is not met. See --help.
import { parseArgs } from "node:util";
import { toChaosFigures } from "./chaos/chaos-figures.ts";
import { PLANS } from "./chaos/faults/fault-plan.ts";
import { measureRollingRestart } from "./chaos/rolling-restart.ts";
import { runChaos } from "./chaos/run-chaos.ts";
import { measureSoak } from "./chaos/soak.ts";
import { stopAllProcesses } from "./child-process.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, parseNumber, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { S3_BACKENDS } from "./kills/s3-backend.ts";
import { type FigureRow, printFigures } from "./sessions/figure-row.ts";

const usage = `usage: npm run chaos -- [options]

  --scenario NAME  faults: a plan of them strikes while callers work (default); rolling: all replicas are restarted under
                   uploads; soak: callers work without faults
  --minutes N      how long faults or soak last (default 20; of rolling, the uploads end by themselves)
  --seed N         faults, their times and the calls follow from it (default 1)
  --plan NAME      the kinds of faults: ${Object.keys(PLANS).join(", ")} (default all)
  --fault-max N    the longest fault, in seconds (default 5)
  --replicas N     replicas of the service (default 3)
  --callers N      callers with files of their own: so many that retry, and as many that do not (default 5)
  --uploads N      uploads of a rolling restart (default 50)
  --s3 NAME        the S3 server: ${Object.keys(S3_BACKENDS).join(", ")}; versitygw must be on the PATH (default dev)
  --json           print one JSON document instead of the table
`;

const MIB = 2 ** 20;

await runCommand({ usage, parse, run });

type Options = Exclude<ReturnType<typeof parse>, "help">;

async function run(options: Options): Promise<number> {
  clearOnSignal(stopAllProcesses);
  const begun = performance.now();
  try {
    const rows = await measure(options);
    const [machine, seconds] = [describeMachine(), ((performance.now() - begun) / 1000).toFixed(0)];
    const { scenario, plan, seed, s3, replicas, json } = options;
    return printFigures(rows, {
      title: `${machine}; scenario ${scenario}, plan ${plan}, seed ${seed}, ${replicas} replicas, S3: ${s3}, ${seconds} s`,
      facts: { machine, options },
      json,
    });
  } finally {
    await stopAllProcesses();
  }
}

async function measure({ scenario, minutes, faultMaxSeconds, ...options }: Options): Promise<FigureRow[]> {
  const report = (what: string) => process.stderr.write(`${what}\n`);
  report(`seed ${options.seed}`);
  const load = { sizesBytes: [1024, 20 * MIB] as const, pauseMs: 250, durationMs: minutes * 60_000 };
  const common = { ...options, ...load, partSizeBytes: 5 * MIB, report };
  if (scenario === "rolling") return await measureRollingRestart({ ...common, uploadBytes: 60 * MIB });
  if (scenario === "soak") return await measureSoak(common);
  const contested = { pairs: 25, callsPerHistory: 10_000, faultMaxMs: 1000 * faultMaxSeconds };
  return toChaosFigures(await runChaos({ ...common, ...contested }));
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: "string", default: "faults" },
      minutes: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      plan: { type: "string", default: "all" },
      "fault-max": { type: "string", default: "5" },
      replicas: { type: "string", default: "3" },
      callers: { type: "string", default: "5" },
      uploads: { type: "string", default: "50" },
      s3: { type: "string", default: "dev" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    scenario: parseName("scenario", values.scenario, ["faults", "rolling", "soak"] as const),
    plan: parseName("plan", values.plan, Object.keys(PLANS) as (keyof typeof PLANS)[]),
    s3: parseName("s3", values.s3, Object.keys(S3_BACKENDS) as (keyof typeof S3_BACKENDS)[]),
    minutes: parseNumber("minutes", values.minutes, [0.1, 24 * 60]),
    seed: parseCount("seed", values.seed, [1, 2 ** 31]),
    faultMaxSeconds: parseNumber("fault-max", values["fault-max"], [0.1, 600]),
    replicas: parseCount("replicas", values.replicas, [1, 16]),
    callers: parseCount("callers", values.callers, [1, 100]),
    uploads: parseCount("uploads", values.uploads, [1, 1000]),
    json: values.json,
  };
}

function parseName<T extends string>(option: string, text: string, names: readonly T[]): T {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new Error(`--${option} is "${text}"; there are ${names.join(", ")}`);
  return found;
}
