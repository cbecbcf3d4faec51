// `npm run bench:telemetry` measures what traces, metrics and the log of calls cost: two services, one of which is observed, take
// turns. See --help.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { FileQueryService } from "../gen/sluice/v1/file_query_service_pb.ts";
import { stopAllProcesses } from "./child-process.ts";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, runCommand } from "./command-line.ts";
import type { Stage } from "./contender.ts";
import { describeMachine } from "./describe-machine.ts";
import { startCallLoad } from "./metadata/call-load.ts";
import { type FilledDatabase, startFilledDatabase } from "./metadata/filled-database.ts";
import { createSample } from "./metadata/sample.ts";
import { type FigureRow, printFigures } from "./sessions/figure-row.ts";
import { serviceToken, startSluice } from "./sluice-service.ts";
import { setStage } from "./stage.ts";
import { compareCalls, compareUploads } from "./turns.ts";

const usage = `usage: npm run bench:telemetry -- [options]

  --calls N      calls of each kind in a round (default 3000)
  --rounds N     pairs of rounds; a further one goes before them and does not count (default 7)
  --size-mib N   size of each upload, in MiB (default 1024)
  --logs         send the lines of the log by OTLP as well
  --json         print one JSON document instead of the table
`;

const ROWS = 10_000;
const CHUNK_BYTES = 2 ** 20;
const CONNECTIONS = 4;
const IN_FLIGHT = 4;
const { getFile } = FileQueryService.method;

await runCommand({ usage, parse, run });

type Options = Exclude<ReturnType<typeof parse>, "help">;

async function run(options: Options): Promise<number> {
  const { stage, clear } = await setStage(CHUNK_BYTES);
  clearOnSignal(clear);
  try {
    const rows = await measureTelemetry(stage, options, (what) => process.stderr.write(`${what}\n`));
    const machine = describeMachine();
    return printFigures(rows, {
      title: `${machine}; ${options.rounds} rounds`,
      facts: { machine, options },
      json: options.json,
    });
  } finally {
    await clear();
  }
}

async function measureTelemetry(stage: Stage, options: Options, report: (what: string) => void): Promise<FigureRow[]> {
  const { calls, rounds, sizeBytes } = options;
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
      OTEL_LOGS_EXPORTER: options.logs ? "otlp" : "none",
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

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      calls: { type: "string", default: "3000" },
      rounds: { type: "string", default: "7" },
      "size-mib": { type: "string", default: "1024" },
      logs: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    calls: parseCount("calls", values.calls, [10, 1_000_000]),
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    sizeBytes: parseCount("size-mib", values["size-mib"], [1, 1_000_000]) * 2 ** 20,
    logs: values.logs,
    json: values.json,
  };
}
