import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { Client } from "pg";
import { FileQueryService } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { measureTransfer } from "../figures/measure.ts";
import { type DatabaseUsage, readDatabaseUsage } from "../machine/database-usage.ts";
import { readProcessUsage } from "../machine/process-usage.ts";
import { startCallLoad } from "../metadata/call-load.ts";
import { type Stage, startClient } from "../stage/contender.ts";
import { putFiles } from "../stage/put-files.ts";
import { serviceToken, startSluice } from "../stage/sluice-service.ts";
import type { MeasuredCosts } from "./measured-costs.ts";

/** How much is done for each of the costs. */
export interface CostsRun {
  readonly uploads: number;
  readonly reads: number;
  readonly sizeBytes: number;
}

const CALLERS = 16;

/**
 * Measures what uploads and reads cost a service of one worker and its database, on this machine: small files for the cost of each
 * call, and a large one over TLS for the cost of each byte. A first share of each compiles the code and does not count.
 */
export async function measureCosts(
  stage: Stage,
  run: CostsRun,
  report: (what: string) => void,
): Promise<MeasuredCosts> {
  const databaseUrl = await stage.databaseUrl();
  const service = await startSluice(stage);
  const client = new Client({ connectionString: databaseUrl });
  const agent = new Agent({ keepAlive: true, maxSockets: CALLERS });
  await client.connect();
  try {
    const database = await findPostmaster(client);
    const pids = { service: service.process.pid as number, database };
    await putFiles(service.url, { folder: "warm-up", files: run.uploads / 4, agent });
    const upload = await whileMeasured(client, pids, () =>
      putFiles(service.url, { folder: "files", files: run.uploads, agent }),
    );
    report("small files are uploaded");
    const load = await startCallLoad(service.url, 4);
    const paths = Array.from({ length: run.reads }, (_, nth) => ({
      namespace: "default",
      path: `files/${nth % run.uploads}`,
    }));
    const { getFile } = FileQueryService.method;
    await load.run(getFile, paths.slice(0, run.reads / 4), { inFlight: CALLERS });
    const read = await whileMeasured(client, pids, async () => {
      const { failures } = await load.run(getFile, paths, { inFlight: CALLERS });
      if (failures.length > 0) throw new Error(`${failures.length} reads failed: ${failures[0]}`);
    });
    await load.stop();
    report("they are read");
    return {
      serviceCpuMsPerUpload: (1000 * upload.serviceCpuSeconds) / run.uploads,
      databaseCpuMsPerUpload: (1000 * upload.databaseCpuSeconds) / run.uploads,
      transactionsPerUpload: upload.transactions / run.uploads,
      walBytesPerUpload: upload.walBytes / run.uploads,
      databaseBytesPerFile: upload.sizeBytes / run.uploads,
      serviceCpuMsPerRead: (1000 * read.serviceCpuSeconds) / run.reads,
      databaseCpuMsPerRead: (1000 * read.databaseCpuSeconds) / run.reads,
      serviceCpuSecondsPerGib: await measureBytes(stage, run.sizeBytes),
    };
  } finally {
    agent.destroy();
    await client.end();
    await service.process.stop();
  }
}

interface Spent extends DatabaseUsage {
  readonly serviceCpuSeconds: number;
  readonly databaseCpuSeconds: number;
}

async function whileMeasured(
  client: Client,
  pids: { service: number; database: number },
  act: () => Promise<void>,
): Promise<Spent> {
  const read = async () => ({
    serviceCpuSeconds: readProcessUsage(pids.service).cpuSeconds,
    databaseCpuSeconds: readProcessUsage(pids.database).cpuSeconds,
    ...(await readDatabaseUsage(client)),
  });
  const before = await read();
  await act();
  const after = await read();
  return {
    serviceCpuSeconds: after.serviceCpuSeconds - before.serviceCpuSeconds,
    databaseCpuSeconds: after.databaseCpuSeconds - before.databaseCpuSeconds,
    transactions: after.transactions - before.transactions,
    walBytes: after.walBytes - before.walBytes,
    sizeBytes: after.sizeBytes - before.sizeBytes,
  };
}

/** Process id of the server that the connection leads to, on this machine: the parent of the connection's own process. */
async function findPostmaster(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const status = readFileSync(`/proc/${rows[0]?.pid}/status`, "utf8");
  return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
}

/** CPU seconds of the service for a GiB, by TLS on both sides. */
async function measureBytes(stage: Stage, sizeBytes: number): Promise<number> {
  if (stage.certificate === undefined) throw new Error("no openssl to make a certificate with");
  const service = await startSluice(stage, { tls: "both" });
  const entry = new URL("../clients/sluice-client.ts", import.meta.url);
  const client = await startClient(entry, service.url, stage, { extra: { token: serviceToken, chunkCrc: "yes" } });
  await client.ask({ sizeBytes });
  const { cpuSecondsPerGib } = await measureTransfer(service.process, client, sizeBytes);
  await client.stop();
  await service.process.stop();
  return cpuSecondsPerGib;
}
