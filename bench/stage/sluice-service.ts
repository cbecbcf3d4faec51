import { readFile } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type BenchProcess, startProcess } from "../machine/child-process.ts";
import { freePort } from "../machine/free-port.ts";
import { type Stage, sinkOf, type TlsSides } from "./contender.ts";
import { sinkBucket, sinkCredentials, sinkRegion } from "./sink-client.ts";

/** Token of the service's callers. */
export const serviceToken = "bench-token";

/** A service that is ready. */
export interface SluiceService {
  readonly process: BenchProcess;
  readonly url: string;
  /** Seconds from the start of its process until it was ready. */
  readonly readySeconds: number;
}

const readyTimeoutMs = 30_000;
const answersInARow = 6;

/**
 * Starts the checkout's `sluice serve` on the stage's database and sink, and waits until it is ready. The service has its
 * defaults but for `settings`.
 */
export async function startSluice(
  stage: Stage,
  { tls = "none", settings = {} }: { tls?: TlsSides; settings?: Readonly<Record<string, string>> } = {},
): Promise<SluiceService> {
  const port = await freePort();
  const env = { ...(await serviceEnvironment(stage, { tls, listen: `127.0.0.1:${port}` })), ...settings };
  await startCommand(stage, "migrate", env).ended();
  const url = `${tls === "both" ? "https" : "http"}://127.0.0.1:${port}`;
  const begun = performance.now();
  const service = startCommand(stage, "serve", env);
  await untilReady(`${url}/readyz`, service, stage).catch(async (error) => {
    await service.stop();
    throw error;
  });
  return { process: service, url, readySeconds: (performance.now() - begun) / 1000 };
}

/** A command of the stage's checkout, under this Node. */
function startCommand({ checkout }: Stage, command: "migrate" | "serve", env: Readonly<Record<string, string>>) {
  return startProcess(process.execPath, { args: [join(checkout, "src/cli/main.ts"), command], env });
}

/** Brings the stage's database to the schema of its checkout. */
export async function migrateDatabase(stage: Stage): Promise<void> {
  await startCommand(stage, "migrate", await serviceEnvironment(stage, { tls: "none", listen: "127.0.0.1:0" })).ended();
}

/** Environment of a service on the stage. It has the defaults, but one worker and the stage's addresses. */
export async function serviceEnvironment(stage: Stage, { tls, listen }: { tls: TlsSides; listen: string }) {
  const { certPath = "", keyPath = "" } = stage.certificate ?? {};
  return {
    SLUICE_LISTEN: listen,
    SLUICE_DATABASE_URL: await stage.databaseUrl(),
    SLUICE_S3_ENDPOINT: sinkOf(stage, tls),
    SLUICE_S3_BUCKET: sinkBucket,
    SLUICE_S3_REGION: sinkRegion,
    AWS_ACCESS_KEY_ID: sinkCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: sinkCredentials.secretAccessKey,
    SLUICE_WORKERS: "1",
    SLUICE_AUTH: "dev",
    SLUICE_DEV_TOKEN: serviceToken,
    ...(tls !== "none" && { NODE_EXTRA_CA_CERTS: certPath }),
    ...(tls === "both" && { SLUICE_TLS_CERT: certPath, SLUICE_TLS_KEY: keyPath }),
  };
}

/**
 * Asks every 10 ms over a new connection, and waits for several good answers in a row: workers take turns, and become ready
 * one by one. Rejects with the service's last output when it ends, or after 30 s.
 */
async function untilReady(url: string, service: BenchProcess, stage: Stage): Promise<void> {
  const ca = stage.certificate === undefined ? undefined : await readFile(stage.certificate.certPath);
  let over = false;
  const ended = service.ended().then(() => {
    if (!over) throw new Error("sluice serve ended by itself before it was ready");
  });
  const begun = performance.now();
  const poll = async () => {
    for (let inARow = 0; !over && inARow < answersInARow; ) {
      inARow = (await answersOk(url, ca)) ? inARow + 1 : 0;
      if (performance.now() - begun > readyTimeoutMs) throw new Error(`${url} is not ready after 30 s`);
      if (inARow === 0) await delay(10);
    }
  };
  try {
    await Promise.race([poll(), ended]);
  } finally {
    over = true;
    ended.catch(() => undefined);
  }
}

async function answersOk(url: string, ca: Buffer | undefined): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const sent = url.startsWith("https:")
    ? requestHttps(url, { agent: false, ...(ca && { ca }) })
    : requestHttp(url, { agent: false });
  sent.on("error", () => resolve(false));
  sent.on("response", (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  });
  sent.end();
  return promise;
}
