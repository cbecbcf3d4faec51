// `npm run bench:telemetry` measures what traces, metrics and the log of calls cost: two services, one of which is observed, take
// turns. See --help.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { FileQueryService } from "../gen/sluice/v1/file_query_service_pb.ts";
import { count, flag, report, runCommand, type Values } from "./command-line.ts";
import { type FigureRow, printFigures } from "./figures/figure-row.ts";
import { compareCalls, compareUploads } from "./figures/turns.ts";
import { stopAllProcesses } from "./machine/child-process.ts";
import { startCallLoad } from "./metadata/call-load.ts";
import { type FilledDatabase, startFilledDatabase } from "./metadata/filled-database.ts";
import { createSample } from "./metadata/sample.ts";
import type { Stage } from "./stage/contender.ts";
import { serviceToken, startSluice } from "./stage/sluice-service.ts";
import { onStage } from "./stage/stage.ts";

const options = {
  calls: count("calls of each kind in a round", 3000, [10, 1_000_000]),
  rounds: count("pairs of rounds; a further one goes before them and does not count", 7, [1, 100]),
  sizeMib: count("size of each upload, in MiB", 1024, [1, 1_000_000]),
  logs: flag("send the lines of the log by OTLP as well"),
};

const ROWS = 10_000;
const CHUNK_BYTES = 2 ** 20;
const CONNECTIONS = 4;
const IN_FLIGHT = 4;
const { getFile } = FileQueryService.method;

await runCommand({
  script: "bench:telemetry",
  options,
  run: (values) =>
    onStage(CHUNK_BYTES, async (stage) =>
      printFigures(await measureTelemetry(stage, values), {
        title: `${values.rounds} rounds`,
        facts: { options: values },
        json: values.json,
      }),
    ),
});

async function measureTelemetry(stage: Stage, run: Values<typeof options>): Promise<FigureRow[]> {
  const { calls, rounds } = run;
  const sizeBytes = run.sizeMib * 2 ** 20;
  const databases: FilledDatabase[] = [];
  const collector = createServer((request, response) => request.resume().on("end", () => response.end()));
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = collector.address() as AddressInfo;
    // Each has a database of its own: of two services with one database, the first would do what goes on by the clock for both.
    const start = async (name: string, settings: Record<string, string>) => {
      const database = await startFilledDatabase(join(stage.directory, name), ROWS, report);
      databases.push(database);
      const { url, process } = await startSluice({ ...stage, databaseUrl: async () => database.url }, { settings });
      const gets = await createSample(database.client, { rows: ROWS, seed: 1 }).paths(calls);
      const load = await startCallLoad(url, CONNECTIONS);
      const requests = gets.map((path) => ({ namespace: "default", path }));
      const get = () => load.run(getFile, requests, { inFlight: IN_FLIGHT });
      return { url, pid: process.pid as number, token: serviceToken, get };
    };
    const observed = await start("observed", {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_LOGS_EXPORTER: run.logs ? "otlp" : "none",
      OTEL_METRIC_EXPORT_INTERVAL: "1000",
      SLUICE_METRICS_LISTEN: "127.0.0.1:0",
    });
    const plain = await start("plain", {});
    const pair = { one: observed.get, other: plain.get };
    const pids = { one: observed.pid, other: plain.pid };
    const get = await compareCalls("GetFile", pair, { pids, rounds, report });
    const uploads = await compareUploads(stage, { one: observed, other: plain }, { sizeBytes, rounds, report });
    return [
      { name: "GetFile, telemetry on (10 % sampled) ÷ off, CPU", ...get.cpu, must: { atMost: 1.15 } },
      { name: "GetFile, the same, p50", ...get.p50, must: { atMost: 1.15 } },
      { name: "upload CPU per GiB, telemetry on ÷ off", ...uploads, must: { atMost: 1.05 } },
    ];
  } finally {
    await stopAllProcesses();
    collector.close();
    for (const database of databases) await database.stop();
  }
}
