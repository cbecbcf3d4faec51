// `npm run bench:ghz` makes the calls of bench/ghz/*.json with ghz (https://ghz.sh), a client that is not ours. It checks the
// figures of `npm run bench:metadata`. Where ghz is not installed, the program says so and skips the calls.
import { spawnSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { count, optional, report, runCommand, text, type Values } from "./command-line.ts";
import { stopAllProcesses } from "./machine/child-process.ts";
import { clearOnSignal } from "./machine/clear-on-signal.ts";
import { describeMachine } from "./machine/describe-machine.ts";
import { type FilledDatabase, startFilledDatabase } from "./metadata/filled-database.ts";
import { createSample, drawFilter } from "./metadata/sample.ts";
import { startSluice } from "./stage/sluice-service.ts";
import { setStage } from "./stage/stage.ts";

const options = {
  rows: count("files in the table", 100_000, [1000, 1e8]),
  keep: text("DIR", "the folder of npm run bench:metadata's --keep, filled if need be"),
  rps: optional(
    count("calls a second, and ten times as many in all, instead of what the configurations say", 1, [1, 10_000]),
  ),
};
const root = new URL("../", import.meta.url);
const configurations = new URL("ghz/", import.meta.url);
/** How many requests are prepared for a call; ghz takes them in turn. */
const REQUESTS = 2000;

await runCommand({ script: "bench:ghz", options, run });

async function run({ rows, keep, rps: perSecond }: Values<typeof options>): Promise<number> {
  if (spawnSync("ghz", ["--version"]).error !== undefined) {
    process.stdout.write("skipped: ghz is not on the PATH; go install github.com/bojand/ghz/cmd/ghz@v0.121.0\n");
    return 0;
  }
  const { stage, clear } = await setStage(0);
  clearOnSignal(clear);
  let database: FilledDatabase | undefined;
  try {
    const folder = keep ?? stage.directory;
    await mkdir(folder, { recursive: true });
    database = await startFilledDatabase(join(folder, "database"), rows, report);
    const { url } = database;
    const service = await startSluice(
      { ...stage, databaseUrl: async () => url },
      { settings: { SLUICE_WORKERS: "2" } },
    );
    process.stdout.write(`${describeMachine()}; ${rows} files\n`);
    const requests = await drawRequests(database, rows);
    let failed = 0;
    for (const name of (await readdir(configurations)).sort()) {
      const data = join(stage.directory, name);
      await writeFile(data, JSON.stringify(requests[name]));
      const config = ["--config", new URL(name, configurations).pathname, "--data-file", data];
      const rate =
        perSecond === undefined
          ? []
          : ["--rps", `${perSecond}`, "--total", `${10 * perSecond}`, "--skipFirst", `${perSecond}`];
      const { status } = spawnSync("ghz", [...config, ...rate, new URL(service.url).host], {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
      });
      if (status !== 0) failed++;
    }
    return failed === 0 ? 0 : 1;
  } finally {
    await stopAllProcesses();
    await database?.stop();
    await clear();
  }
}

async function drawRequests(database: FilledDatabase, rows: number): Promise<Record<string, object[]>> {
  const sample = createSample(database.client, { rows, seed: 1 });
  const paths = await sample.paths(REQUESTS);
  const namespace = "default";
  return {
    "get-file.json": paths.map((path) => ({ namespace, path })),
    "list-files.json": paths.map((path) => ({ namespace, prefix: path.slice(0, path.lastIndexOf("/") + 1) })),
    "search-files.json": paths.map(() => ({ namespace, filter: drawFilter(sample) })),
    // ghz fills in the id with each call.
    "update-file.json": paths.map((path, index) => ({
      request_id: "{{newUUID}}",
      file: { namespace, path, labels: { stage: `stage-${index % 4}` } },
      update_mask: { paths: ["labels.stage"] },
    })),
  };
}
