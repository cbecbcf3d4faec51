import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { type Config, parseConfig } from "./config.ts";
import { createLogger } from "./telemetry/logger.ts";

/** Workers in a row that may end before they listen; then the service gives up. */
const START_FAILURES_MAX = 5;
/** What a worker may take, after its calls have ended or the drain is over, to close its connections; then it is killed. */
const CLOSE_GRACE_MS = 5000;

/**
 * Serves until SIGTERM or SIGINT, then drains; resolves when everything has ended. Several workers share the port
 * through node:cluster; one that dies is replaced. Rejects with ConfigError, or when the port cannot be had.
 */
export async function serve(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = parseConfig(environment);
  const log = createLogger({ level: config.logLevel, instance: `${hostname()}/${process.pid}` });
  if (cluster.isPrimary && config.workers > 1) await superviseWorkers(config, log);
  else await serveAlone(config, log);
}

async function serveAlone(config: Config, log: Logger): Promise<void> {
  try {
    const stopRequested = onceStopped();
    // Loaded by those that serve alone: the process that only supervises workers does without its memory.
    const { startApp } = await import("./app.ts");
    const app = await startApp(config, log);
    log.info({ address: app.url, workers: config.workers }, "listening");
    const reason = await stopRequested;
    log.info({ reason }, "draining");
    await app.stop();
    log.info("stopped");
  } finally {
    // The channel to the primary would keep a worker alive that could not start, and nobody would replace it.
    if (cluster.isWorker) cluster.worker?.disconnect();
  }
}

/** Keeps the configured number of workers alive; they do all the work. */
async function superviseWorkers(config: Config, log: Logger): Promise<void> {
  cluster.setupPrimary({ exec: fileURLToPath(new URL("./main.ts", import.meta.url)), args: [] });
  let isStopping = false;
  let startFailures = 0;
  const fork = () => {
    const worker = cluster.fork();
    let isStarted = false;
    // A worker that listened was well: however soon it is killed, another is worth its start.
    worker.once("listening", () => {
      isStarted = true;
    });
    worker.once("exit", (code, signal) => {
      if (isStopping) return;
      log.error({ worker: worker.id, code, signal }, "a worker ended; another takes its place");
      startFailures = isStarted ? 0 : startFailures + 1;
      if (startFailures < START_FAILURES_MAX) fork();
      else process.kill(process.pid, "SIGTERM");
    });
  };
  for (let i = 0; i < config.workers; i++) fork();
  const reason = await onceStopped();
  isStopping = true;
  const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  log.info({ reason, workers: workers.length }, "stopping the workers");
  const timeoutMs = config.drainTimeoutMs + CLOSE_GRACE_MS;
  await Promise.all(workers.map((worker) => stopWorker(worker, { timeoutMs, log })));
  if (startFailures >= START_FAILURES_MAX) throw new Error("workers end as soon as they start; their log says why");
}

/** Lets a worker drain, and kills one that has not ended by then: whoever stops the primary waits for it. */
async function stopWorker(worker: Worker, { timeoutMs, log }: { timeoutMs: number; log: Logger }): Promise<void> {
  if (worker.isDead()) return;
  const exited = once(worker, "exit");
  worker.process.kill("SIGTERM");
  const timer = setTimeout(() => {
    log.error({ worker: worker.id, timeoutMs }, "a worker has not ended in time, and is killed");
    worker.process.kill("SIGKILL");
  }, timeoutMs);
  await exited;
  clearTimeout(timer);
}

/** Resolves with the first signal that asks to stop. */
function onceStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}
