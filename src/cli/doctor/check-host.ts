import { createServer } from "node:net";
import { totalmem } from "node:os";
import { type Config, ConfigError } from "../../config/config.ts";
import { readTlsFiles } from "../../config/tls-files.ts";
import { formatBytes } from "../terminal/human-units.ts";
import { type Finding, findErrorCode, problem, warning, well } from "./finding.ts";

/** Memory that a worker needs beside its share of the budget, in bytes: code, heap and buffers of sockets. */
const WORKER_OVERHEAD_BYTES = 150 * 2 ** 20;

/** A certificate that ends within this time is mentioned, in milliseconds. */
const EXPIRY_NOTICE_MS = 14 * 24 * 3_600_000;

/** Checks this host: the port, the TLS files, the memory. */
export async function checkHost(config: Config): Promise<Finding[]> {
  return [
    await checkPort(config),
    ...(config.tls === undefined ? [] : [await checkTls(config.tls)]),
    checkMemory(config),
  ];
}

async function checkPort({ listen, tls }: Config): Promise<Finding> {
  const name = `${listen.host}:${listen.port}`;
  const code = await tryToListen(listen);
  switch (code) {
    case undefined:
      return well("port", `${name} can be listened on`);
    case "EADDRINUSE":
      if (await servesSluice(listen, tls === undefined ? "http" : "https")) {
        return well("port", `${name} is in use by a running Sluice`);
      }
      return problem(
        "port",
        `${name} is in use by another program`,
        "stop that program, or set SLUICE_LISTEN to another port",
      );
    case "EACCES":
      return problem("port", `${name} needs rights that this user lacks`, "set SLUICE_LISTEN to a port above 1023");
    default:
      return problem("port", `${name} cannot be listened on (${code})`, "set SLUICE_LISTEN to an address of this host");
  }
}

async function tryToListen(listen: Config["listen"]): Promise<string | undefined> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  server.once("error", (error) => resolve(findErrorCode(error)));
  server.listen({ ...listen, exclusive: true }, () => server.close(() => resolve(undefined)));
  return await promise;
}

/** Whether a running Sluice has the port: only its readiness probe answers 200, or 503 with reasons. */
async function servesSluice({ host, port }: Config["listen"], scheme: string): Promise<boolean> {
  const reachable =
    host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  try {
    const answer = await fetch(`${scheme}://${reachable}:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return answer.status === 200 || answer.status === 503;
  } catch (error) {
    // A self-signed certificate is the answer of a TLS server, and by the configuration the port is ours.
    return scheme === "https" && findErrorCode(error).includes("CERT");
  }
}

async function checkTls(paths: NonNullable<Config["tls"]>): Promise<Finding> {
  try {
    const { expiresAt } = await readTlsFiles(paths);
    const restMs = expiresAt.getTime() - Date.now();
    if (restMs <= 0) return problem("TLS", `the certificate ended at ${expiresAt.toISOString()}`, "renew it");
    const message = `the certificate is valid until ${expiresAt.toISOString()}`;
    return restMs < EXPIRY_NOTICE_MS ? warning("TLS", message, "renew it soon") : well("TLS", message);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return problem("TLS", error.problems.join("; "), "docs/operating.md says what TLS needs");
  }
}

function checkMemory({ memoryBytes, workers }: Config): Finding {
  const limitBytes = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  const neededBytes = memoryBytes + workers * WORKER_OVERHEAD_BYTES;
  const needs = `${workers} ${workers === 1 ? "worker needs" : "workers need"} up to ${formatBytes(neededBytes)}`;
  if (neededBytes <= limitBytes) return well("memory", `${needs} of the ${formatBytes(limitBytes)} here`);
  const mend = "lower SLUICE_MEMORY_BUDGET_BYTES or SLUICE_WORKERS, or give the service more memory";
  return problem("memory", `${needs}; this host or container has ${formatBytes(limitBytes)}`, mend);
}
