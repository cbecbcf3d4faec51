import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { UploadSlots } from "../transfer/upload-slots.ts";
import { onceStopped } from "./once-stopped.ts";
import { RestartPace } from "./restart-pace.ts";
import { closeUntakenConnection } from "./shared-port.ts";
import { SiblingRelay } from "./siblings.ts";
import { lendSlots } from "./worker-slots.ts";

/** What the process that supervises workers has to know. */
export interface Supervision {
  workers: number;
  /** Streams that may write at once, all workers together. */
  uploadsMax: number;
  drainTimeoutMs: number;
  logLevel: string;
  /** The process whose end asks to stop, as a signal does. */
  leader?: number | undefined;
}

/** Workers in a row that may end before they listen; then the service gives up. */
const START_FAILURES_MAX = 5;
/** What a worker may take, after its calls have ended or the drain is over, to close its connections; then it is killed. */
const CLOSE_GRACE_MS = 5000;

/**
 * Keeps the number of workers alive, which do all the work and share the port, until it is asked to stop; resolves when they
 * have drained and ended. Rejects when workers end as soon as they start.
 */
export async function superviseWorkers(supervision: Supervision): Promise<void> {
  const { workers: count, uploadsMax, drainTimeoutMs } = supervision;
  const log = createLateLog(supervision.logLevel);
  const exec = fileURLToPath(new URL("./cluster-main.ts", import.meta.url));
  // A worker a core: helping threads for its short collections would only take the time of the others.
  cluster.setupPrimary({ exec, args: [], execArgv: [...process.execArgv, "--no-parallel-scavenge"] });
  const relay = new SiblingRelay(currentWorkers);
  cluster.on("message", (worker, message) => relay.take(worker, message));
  cluster.on("exit", (worker) => relay.remove(worker));
  let isStopping = false;
  let startFailures = 0;
  const slots = new UploadSlots(uploadsMax);
  const waits = new Set<NodeJS.Timeout>();
  const fork = (pace: RestartPace) => {
    const worker = cluster.fork();
    lendSlots(slots, worker);
    closeUntakenConnection(worker);
    // What is sent to one that has just been killed fails here; nobody else's end hangs on it.
    worker.on("error", (error) => log("warn", { worker: worker.id, error }, "a worker could not be told something"));
    let isStarted = false;
    // A worker that listened was well: however soon it is killed, the service does not give up.
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
  const stopRequested = onceStopped(supervision.leader);
  for (let i = 0; i < count; i++) fork(new RestartPace());
  const reason = await stopRequested;
  isStopping = true;
  for (const wait of waits) clearTimeout(wait);
  const workers = currentWorkers();
  log("info", { reason, workers: workers.length }, "stopping the workers");
  const timeoutMs = drainTimeoutMs + CLOSE_GRACE_MS;
  await Promise.all(workers.map((worker) => stopWorker(worker, { timeoutMs, log })));
  if (startFailures >= START_FAILURES_MAX) throw new Error("workers end as soon as they start; their log says why");
}

function currentWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

type Log = (level: "info" | "warn" | "error", fields: object, message: string) => void;

/** Writes to the service's log, which is loaded with the first line: most of the time this process has nothing to say. */
function createLateLog(level: string): Log {
  const load = async () =>
    (await import("../telemetry/logger.ts")).createLogger({ level, instance: `${hostname()}/${process.pid}` });
  let log: ReturnType<typeof load> | undefined;
  return async (how, fields, message) => {
    log ??= load();
    (await log)[how](fields, message);
  };
}

/** Lets a worker drain, and kills one that has not ended by then: whoever stops the primary waits for it. */
async function stopWorker(worker: Worker, { timeoutMs, log }: { timeoutMs: number; log: Log }): Promise<void> {
  if (worker.isDead()) return;
  const exited = once(worker, "exit");
  worker.process.kill("SIGTERM");
  const timer = setTimeout(() => {
    log("error", { worker: worker.id, timeoutMs }, "a worker has not ended in time, and is killed");
    worker.process.kill("SIGKILL");
  }, timeoutMs);
  await exited;
  clearTimeout(timer);
}
