// `npm run bench:kills` kills the service at seeded random moments of uploads and lets the clients resume. Then it compares
// the stored files with what was sent. It exits with 1 when anything is wrong. See --help.
import { parseArgs } from "node:util";
import { stopAllProcesses } from "./child-process.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { reportKills } from "./kills/kill-report.ts";
import { type KillOptions, runKills } from "./kills/run-kills.ts";

const usage = `usage: npm run bench:kills -- [options]

  --kills N      how often the service is killed (default 200)
  --seed N       sizes, contents and moments follow from it (default 1)
  --s3 NAME      the S3 server: dev (default), or versitygw where that program is on the PATH
  --services N   services that are killed side by side (default 2)
  --workers N    worker processes of each; with several, half of the kills strike one of them (default 1)
  --uploads N    uploads under way at each kill (default 3)
`;

await runCommand({ usage, parse, run });

async function run(options: KillOptions): Promise<number> {
  const { kills, seed, s3, workers } = options;
  const begun = performance.now();
  clearOnSignal(stopAllProcesses);
  try {
    const result = await runKills({
      ...options,
      onTrial: (index, { uploads }) => {
        const wrong = uploads.flatMap(({ problems }) => problems);
        if (wrong.length > 0) process.stderr.write(`kill ${index}: ${wrong.join("; ")}\n`);
        else if ((index + 1) % 20 === 0) process.stderr.write(`${index + 1} kills\n`);
      },
    });
    const { text, problems } = reportKills(result);
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    process.stdout.write(
      `${describeMachine()}\n${kills} kills, seed ${seed}, ${workers} worker(s), S3: ${s3}, ${seconds} s\n\n${text}\n`,
    );
    for (const problem of problems) process.stdout.write(`wrong: ${problem}\n`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await stopAllProcesses();
  }
}

function parse(args: string[]): KillOptions | "help" {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      s3: { type: "string", default: "dev" },
      services: { type: "string", default: "2" },
      workers: { type: "string", default: "1" },
      uploads: { type: "string", default: "3" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  if (values.s3 !== "dev" && values.s3 !== "versitygw") {
    throw new Error(`--s3 is "${values.s3}"; there are dev and versitygw`);
  }
  return {
    kills: parseCount("kills", values.kills, [1, 100_000]),
    seed: parseCount("seed", values.seed, [1, 2 ** 31]),
    s3: values.s3,
    services: parseCount("services", values.services, [1, 16]),
    workers: parseCount("workers", values.workers, [1, 16]),
    uploadsPerKill: parseCount("uploads", values.uploads, [1, 50]),
  };
}
