// `npm run bench:kills` kills the service at seeded random moments of uploads and lets the clients resume. Then it compares
// the stored files with what was sent. It exits with 1 when anything is wrong. See --help.

import { count, name, report, runCommand, type Values } from "./command-line.ts";
import { reportKills } from "./kills/kill-report.ts";
import { runKills } from "./kills/run-kills.ts";
import { S3_BACKENDS } from "./kills/s3-backend.ts";
import { stopAllProcesses } from "./machine/child-process.ts";
import { clearOnSignal } from "./machine/clear-on-signal.ts";
import { describeMachine } from "./machine/describe-machine.ts";

const options = {
  kills: count("how often the service is killed", 200, [1, 100_000]),
  seed: count("sizes, contents and moments follow from it", 1, [1, 2 ** 31]),
  s3: name("the S3 server; versitygw must be on the PATH", Object.keys(S3_BACKENDS) as (keyof typeof S3_BACKENDS)[]),
  services: count("services that are killed side by side", 2, [1, 16]),
  workers: count("worker processes of each; with several, half of the kills strike one of them", 1, [1, 16]),
  uploads: count("uploads under way at each kill", 3, [1, 50]),
};

await runCommand({ script: "bench:kills", options, run });

async function run({ uploads: uploadsPerKill, json, ...run }: Values<typeof options>): Promise<number> {
  const { kills, seed, s3, workers } = run;
  const begun = performance.now();
  clearOnSignal(stopAllProcesses);
  try {
    const result = await runKills({
      ...{ ...run, uploadsPerKill },
      onTrial: (index, { uploads }) => {
        const wrong = uploads.flatMap(({ problems }) => problems);
        if (wrong.length > 0) report(`kill ${index}: ${wrong.join("; ")}`);
        else if ((index + 1) % 20 === 0) report(`${index + 1} kills`);
      },
    });
    const { text, problems } = reportKills(result);
    const seconds = ((performance.now() - begun) / 1000).toFixed(0);
    if (json) {
      process.stdout.write(
        `${JSON.stringify({ ...{ machine: describeMachine(), options: run, problems }, ...result }, null, 2)}\n`,
      );
      return problems.length === 0 ? 0 : 1;
    }
    process.stdout.write(
      `${describeMachine()}\n${kills} kills, seed ${seed}, ${workers} worker(s), S3: ${s3}, ${seconds} s\n\n${text}\n`,
    );
    for (const problem of problems) process.stdout.write(`wrong: ${problem}\n`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await stopAllProcesses();
  }
}
