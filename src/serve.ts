import cluster, { type Worker } from "node:cluster";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { type Config, ConfigError, parseConfig } from "./config.ts";
import { joinSiblings, SiblingRelay } from "./siblings.ts";
import { createLogger } from "./telemetry/logger.ts";
import { channelOf, SeatOffice, WorkerSeats } from "./worker-seats.ts";

/** Workers in a row that may end before they listen; then the service gives up. */
const START_FAILURES_MAX = 5;
/** What a worker may take, after its calls have ended or the drain is over, to close its connections; then it is killed. */
const CLOSE_GRACE_MS = 5000;

/**
 * Serves until SIGTERM or SIGINT, then drains; resolves when everything has ended. Several workers share the port
 * through node:cluster; one that dies is replaced. Rejects with ConfigError, which says too when the port cannot be had or the TLS
 * files cannot be used.
 */
export async function serve(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = parseConfig(environment);
  // Before any worker: what would end all of them is said once, by this process.
  if (cluster.isPrimary) await assertStartable(config);
  const log = createLogger({ level: config.logLevel, instance: `${hostname()}/${process.pid}` });
  if (cluster.isPrimary && config.workers > 1) await superviseWorkers(config, log);
  else await serveAlone(config, log);
}

async function serveAlone(config: Config, log: Logger): Promise<void> {
  try {
    const stopRequested = onceStopped();
    // Loaded by those that serve alone: the process that only supervises workers does without its memory.
    const { startApp } = await import("./app.ts");
    const { uploadsMax: seatsMax, workers } = config;
    const channel = channelOf(process);
    const shared = cluster.isWorker
      ? { seats: new WorkerSeats(channel, { seatsMax, workers }), siblings: joinSiblings(channel) }
      : {};
    const app = await startApp(config, log, shared);
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
  const relay = new SiblingRelay(currentWorkers);
  cluster.on("message", (worker, message) => relay.take(worker, message));
  cluster.on("exit", (worker) => relay.remove(worker));
  let isStopping = false;
  let startFailures = 0;
  const office = new SeatOffice(config.uploadsMax);
  const fork = () => {
    const worker = cluster.fork();
    office.serve(worker);
    // What is sent to one that has just been killed fails here; nobody else's end hangs on it.
    worker.on("error", (error) => log.warn({ worker: worker.id, error }, "a worker could not be told something"));
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
  const workers = currentWorkers();
  log.info({ reason, workers: workers.length }, "stopping the workers");
  const timeoutMs = config.drainTimeoutMs + CLOSE_GRACE_MS;
  await Promise.all(workers.map((worker) => stopWorker(worker, { timeoutMs, log })));
  if (startFailures >= START_FAILURES_MAX) throw new Error("workers end as soon as they start; their log says why");
}

function currentWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** Tries what this host must give: the port, and TLS files that fit together. Throws ConfigError with all that it does not. */
async function assertStartable({ listen, tls }: Config): Promise<void> {
  const problems = [await findListenProblem(listen), tls && (await findTlsProblem(tls))];
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new ConfigError(found);
}

async function findListenProblem(listen: Config["listen"]): Promise<string | undefined> {
  const server = createServer();
  const code = await new Promise<string | undefined>((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(listen, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return undefined;
  const name = `SLUICE_LISTEN is ${listen.host}:${listen.port}`;
  if (code === "EADDRINUSE") return `${name}, which another program listens on; stop that, or name another port`;
  if (code === "EACCES") return `${name}, which this user may not listen on; name a port above 1023`;
  return `${name}, which is no address of this host (${code}); name one that is, or 0.0.0.0 for all`;
}

async function findTlsProblem({ certFile, keyFile }: NonNullable<Config["tls"]>): Promise<string | undefined> {
  const certificate = await readPem("SLUICE_TLS_CERT", certFile, (pem) => new X509Certificate(pem));
  if (typeof certificate === "string") return certificate;
  const key = await readPem("SLUICE_TLS_KEY", keyFile, (pem) => createPrivateKey(pem));
  if (typeof key === "string") return key;
  if (certificate.checkPrivateKey(key)) return undefined;
  return `SLUICE_TLS_KEY is ${keyFile}, which is not the key of the certificate ${certFile}; name the key that it was made with`;
}

/** What the file holds, or the sentence that says why not. */
async function readPem<T>(variable: string, file: string, parse: (pem: Buffer) => T): Promise<T | string> {
  try {
    return parse(await readFile(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `${variable} is ${file}, which cannot be read (${code ?? message}); name a PEM file that this user may read`;
  }
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
