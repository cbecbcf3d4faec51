import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { S3Endpoint } from "../storage/s3-subject.ts";
import { until } from "../until.ts";
import { SERVICE_TOKEN } from "./running-service.ts";

const MAIN = fileURLToPath(new URL("../../../main.ts", import.meta.url));

/** The service as a process of its own, as `serve` starts it. */
export interface ServiceProcess {
  url: string;
  pid: number;
  /** Lines that it has logged so far, parsed. */
  log: Record<string, unknown>[];
  /** Lines of its standard error so far. */
  words: string[];
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** Starts `src/main.ts`, or another command line of Node, on a port and waits until it is ready; rejects with its last words when it ends before. */
export async function startServiceProcess(
  endpoint: S3Endpoint,
  options: {
    databaseUrl: string;
    port: number;
    settings?: Readonly<Record<string, string>>;
    args?: string[];
    /** The authority of its certificate, where the settings give it one. */
    ca?: string;
  },
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, options.args ?? [MAIN], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE,
      AWS_ACCESS_KEY_ID: endpoint.accessKeyId,
      AWS_SECRET_ACCESS_KEY: endpoint.secretAccessKey,
      SLUICE_LISTEN: `127.0.0.1:${options.port}`,
      SLUICE_DATABASE_URL: options.databaseUrl,
      SLUICE_S3_BUCKET: endpoint.bucket,
      SLUICE_S3_REGION: endpoint.region,
      SLUICE_S3_ENDPOINT: endpoint.url,
      SLUICE_AUTH: "dev",
      SLUICE_DEV_TOKEN: SERVICE_TOKEN,
      SLUICE_WORKERS: "1",
      SLUICE_S3_PART_MIN_BYTES: "1",
      SLUICE_DRAIN_TIMEOUT_MS: "3000",
      ...options.settings,
    },
  });
  const log: Record<string, unknown>[] = [];
  const words: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => log.push(JSON.parse(line)));
  createInterface({ input: child.stderr }).on("line", (line) => words.push(line));
  const url = `${options.ca === undefined ? "http" : "https"}://127.0.0.1:${options.port}`;
  await until("the process is ready", async () => {
    if (child.exitCode !== null) throw new Error(`the service ended: ${words.join("\n")} ${JSON.stringify(log)}`);
    return await isReady(url, options.ca);
  });
  return {
    url,
    pid: child.pid ?? 0,
    log,
    words,
    kill: async () => void (await end(child, "SIGKILL")),
    stop: () => end(child, "SIGTERM"),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill(signal);
  const [code] = await exited;
  return code;
}

async function isReady(url: string, ca: string | undefined): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const get = ca === undefined ? getHttp : getHttps;
  get(`${url}/readyz`, { agent: false, ca }, (response) => {
    response.resume().on("end", () => resolve(response.statusCode === 200));
  }).on("error", () => resolve(false));
  return await promise;
}
