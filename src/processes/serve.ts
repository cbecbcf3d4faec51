import cluster from "node:cluster";
import { createServer } from "node:net";
import { hostname } from "node:os";
import type { Logger } from "pino";
import { type Config, ConfigError, parseConfig } from "../config/config.ts";
import { findUnknownVariables } from "../config/config-names.ts";
import { readTlsFiles } from "../config/tls-files.ts";
import { createLogger } from "../telemetry/logger.ts";
import { becomeSupervisor } from "./become-supervisor.ts";
import { prepareCompileCache } from "./compile-cache.ts";
import { answerMetrics, serveMetrics } from "./metrics-page.ts";
import { findLeader, onceStopped } from "./once-stopped.ts";
import { joinSiblings } from "./siblings.ts";
import { startWatchdog } from "./watchdog.ts";
import { WorkerRequests } from "./worker-requests.ts";
import { channelOf, WorkerSlots } from "./worker-slots.ts";

/**
 * Serves until SIGTERM or SIGINT, or until the npm that started it ends; then it drains, and resolves when everything has
 * ended. Several workers share the port through node:cluster. A worker that dies, or whose event loop stands still for 10 s,
 * is replaced. Rejects with ConfigError, also when the port cannot be had or the TLS files cannot be used.
 */
export async function serve(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = parseConfig(environment);
  // A worker ends when its supervisor ends, without a leader.
  const leader = cluster.isPrimary ? findLeader(environment) : undefined;
  // This comes before any worker: a problem that would end all of them is reported once, by this process.
  if (cluster.isPrimary) await assertStartable(config);
  const { workers, uploadsMax, drainTimeoutMs, logLevel } = config;
  const becomes = cluster.isPrimary && workers > 1;
  // The supervisor takes the place of this program, and of all that it has not written by then.
  const log = await createLogger({ level: logLevel, instance: `${hostname()}/${process.pid}`, isSync: becomes });
  if (cluster.isPrimary) for (const sentence of findUnknownVariables(environment)) log.warn(sentence);
  if (becomes) {
    const cache = await prepareCompileCache(environment);
    await becomeSupervisor(
      {
        workers,
        uploadsMax,
        drainTimeoutMs,
        logLevel,
        leader,
        hasCertificate: config.tls !== undefined,
        metricsListen: config.metricsListen,
      },
      // glibc's allocator has several arenas, and each keeps the memory that its threads have given back. One thread does the
      // work here, so one arena is enough.
      { MALLOC_ARENA_MAX: "1", ...environment, ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }) },
    );
    return;
  }
  await serveAlone(config, log, leader);
}

/** How long a collector may take for the last spans and metrics of a process that ends, in milliseconds. */
const TELEMETRY_TIMEOUT_MS = 2000;

async function serveAlone(config: Config, log: Logger, leader: number | undefined): Promise<void> {
  let page: { close(): void } | undefined;
  try {
    const stopRequested = onceStopped(leader);
    // The service is loaded late, so that a wrong configuration is reported sooner.
    const { startApp } = await import("../composition/app.ts");
    const { startTelemetry } = await import("../telemetry/start-telemetry.ts");
    const { uploadsMax: slotsMax, workers } = config;
    const channel = channelOf(process);
    const shared = cluster.isWorker
      ? {
          slots: new WorkerSlots(channel, { slotsMax, workers }),
          requests: new WorkerRequests(channel, { workers }),
          siblings: joinSiblings(channel),
        }
      : {};
    const telemetry = await startTelemetry(config.telemetry, log);
    const { checkBuffers } = await import("./check-buffers.ts");
    await checkBuffers(log);
    if (cluster.isWorker) answerMetrics(channel, telemetry.readMetrics);
    else if (config.metricsListen !== undefined) page = await serveMetrics(config.metricsListen, telemetry.readMetrics);
    const app = await startApp(config, log, { ...shared, telemetry });
    // Programs that renew certificates send this signal, which would end the process by default.
    if (config.tls !== undefined) process.on("SIGHUP", () => void app.reloadCertificates());
    // A single process is not watched: nobody here would start another, and its operator can ask /livez.
    if (cluster.isWorker) startWatchdog();
    log.info({ address: app.url, workers: config.workers }, "listening");
    const reason = await stopRequested;
    log.info({ reason }, "draining");
    await app.stop();
    await telemetry.stop(TELEMETRY_TIMEOUT_MS);
    log.info("stopped");
  } finally {
    page?.close();
    // The channel to the primary would keep a worker alive that could not start, and nobody would replace it.
    if (cluster.isWorker) cluster.worker?.disconnect();
  }
}

/** Tries the port and the TLS files that this host must give. Throws ConfigError with all that are missing. */
async function assertStartable({ listen, metricsListen, tls }: Config): Promise<void> {
  const listened = await findListenProblem("SLUICE_LISTEN", listen);
  const metrics = metricsListen && (await findListenProblem("SLUICE_METRICS_LISTEN", metricsListen));
  const problems = [listened, metrics].filter((problem) => problem !== undefined);
  try {
    if (tls !== undefined) await readTlsFiles(tls);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

async function findListenProblem(variable: string, listen: Config["listen"]): Promise<string | undefined> {
  const server = createServer();
  const code = await new Promise<string | undefined>((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(listen, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return undefined;
  const name = `${variable} is ${listen.host}:${listen.port}`;
  if (code === "EADDRINUSE") return `${name}, which another program listens on; stop that, or name another port`;
  if (code === "EACCES") return `${name}, which this user may not listen on; name a port above 1023`;
  return `${name}, which is no address of this host (${code}); name one that is, or 0.0.0.0 for all`;
}
