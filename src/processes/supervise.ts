import cluster, { type Worker } from "node:cluster";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { RequestBuckets } from "../domain/limits/request-lender.ts";
import { UploadSlots } from "../transfer/upload-slots.ts";
import { askForMetrics, joinMetricsPages, type MetricsAddress, serveMetrics } from "./metrics-page.ts";
import { onceStopped } from "./once-stopped.ts";
import { RestartPace } from "./restart-pace.ts";
import { closeUntakenConnection } from "./shared-port.ts";
import { SiblingRelay } from "./siblings.ts";
import { lendRequests } from "./worker-requests.ts";
import { lendSlots } from "./worker-slots.ts";

/** Settings of the process that supervises workers. */
export interface Supervision {
  workers: number;
  /** Streams that may write at once, for all workers together. */
  uploadsMax: number;
  drainTimeoutMs: number;
  logLevel: string;
  /** Whether the workers have certificates, which SIGHUP lets them read again; without, the signal ends the service. */
  hasCertificate: boolean;
  /** Where Prometheus finds the metrics of all workers. */
  metricsListen?: MetricsAddress | undefined;
  /** The process whose end stops this one, as a signal does. */
  leader?: number | undefined;
}

/** Workers in a row that may end before they listen; then the service gives up. */
const START_FAILURES_MAX = 5;
/** Time that a worker has to close its connections once its calls have ended, in milliseconds; then it is killed. */
const CLOSE_GRACE_MS = 5000;

/**
 * Keeps the number of workers alive until it is asked to stop. The workers do all the work and share the port. Resolves when
 * they have drained and ended. Rejects when workers end as soon as they start.
 */
export async function superviseWorkers(supervision: Supervision): Promise<void> {
  const { workers: count, uploadsMax, drainTimeoutMs } = supervision;
  const log = createLateLog(supervision.logLevel);
  const exec = fileURLToPath(new URL("./cluster-main.ts", import.meta.url));
  // Each core has a worker, so helper threads for its short collections would only take time from the other workers.
  cluster.setupPrimary({ exec, args: [], execArgv: [...process.execArgv, "--no-parallel-scavenge"] });
  const relay = new SiblingRelay(currentWorkers);
  cluster.on("message", (worker, message) => relay.take(worker, message));
  cluster.on("exit", (worker) => relay.remove(worker));
  let isStopping = false;
  let startFailures = 0;
  const slots = new UploadSlots(uploadsMax);
  const requests = new RequestBuckets();
  const waits = new Set<NodeJS.Timeout>();
  const askers = new Set<() => Promise<string>>();
  const page = supervision.metricsListen && (await serveMetrics(supervision.metricsListen, () => readAll(askers)));
  const fork = (pace: RestartPace) => {
    const worker = cluster.fork();
    lendSlots(slots, worker);
    lendRequests(requests, worker);
    const askMetrics = askForMetrics(worker);
    askers.add(askMetrics);
    worker.once("exit", () => askers.delete(askMetrics));
    closeUntakenConnection(worker);
    // A message to a worker that has just been killed fails here, which affects nobody else.
    worker.on("error", (error) => log("warn", { worker: worker.id, error }, "a message did not reach a worker"));
    let isStarted = false;
    // A worker that listened was healthy: the service does not give up, however soon the worker is killed.
    worker.once("listening", () => {
      isStarted = true;
      pace.listening();
    });
    worker.once("exit", (code, signal) => {
      if (isStopping) return;
      startFailures = isStarted ? 0 : startFailures + 1;
      const delayMs = pace.ended();
      log("error", { worker: worker.id, code, signal, delayMs }, "a worker ended; another takes its place");
      if (startFailures >= START_FAILURES_MAX) process.kill(process.pid, "SIGTERM");
      const wait = setTimeout(() => {
        waits.delete(wait);
        fork(pace);
      }, delayMs);
      waits.add(wait);
    });
  };
  if (supervision.hasCertificate) {
    process.on("SIGHUP", () => {
      for (const worker of currentWorkers()) worker.process.kill("SIGHUP");
    });
  }
  const stopRequested = onceStopped(supervision.leader);
  for (let i = 0; i < count; i++) fork(new RestartPace());
  const reason = await stopRequested;
  isStopping = true;
  page?.close();
  for (const wait of waits) clearTimeout(wait);
  const workers = currentWorkers();
  log("info", { reason, workers: workers.length }, "stopping the workers");
  const timeoutMs = drainTimeoutMs + CLOSE_GRACE_MS;
  await Promise.all(workers.map((worker) => stopWorker(worker, { timeoutMs, log })));
  if (startFailures >= START_FAILURES_MAX) throw new Error("workers end as soon as they start; their log says why");
}

async function readAll(askers: Iterable<() => Promise<string>>): Promise<string> {
  return joinMetricsPages(await Promise.all([...askers].map((ask) => ask())));
}

function currentWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

type Log = (level: "info" | "warn" | "error", fields: object, message: string) => void;

/** Writes to the service's log, which is loaded with the first line: most of the time this process has nothing to log. */
function createLateLog(level: string): Log {
  const load = async () =>
    (await import("../telemetry/logger.ts")).createLogger({ level, instance: `${hostname()}/${process.pid}` });
  let log: ReturnType<typeof load> | undefined;
  return async (how, fields, message) => {
    log ??= load();
    (await log)[how](fields, message);
  };
}

/**
 * Lets a worker drain, and kills it when it has not ended in time: whoever stops the primary waits for it. Resolves when it has
 * ended, also when a message did not reach it meanwhile.
 */
export async function stopWorker(worker: Worker, { timeoutMs, log }: { timeoutMs: number; log: Log }): Promise<void> {
  if (worker.isDead()) return;
  // `once` of node:events would reject at the worker's "error", which a message sent to an ending worker causes.
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  worker.process.kill("SIGTERM");
  const timer = setTimeout(() => {
    log("error", { worker: worker.id, timeoutMs }, "a worker has not ended in time, and is killed");
    worker.process.kill("SIGKILL");
  }, timeoutMs);
  await exited;
  clearTimeout(timer);
}
