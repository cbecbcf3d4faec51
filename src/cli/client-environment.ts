import { readFileSync } from "node:fs";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { parseAddresses } from "../client/parse-addresses.ts";
import { parseClientEnvironment } from "../config/config.ts";
import { UsageError } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

/** The address at which `npm start` serves. */
const URL_DEFAULT = "http://127.0.0.1:8080";

/** Options of every command that calls the service. */
export interface ServiceOptions {
  url?: string;
  ca?: string;
}

/** Options of every command on files, which are in a namespace. */
export interface ConnectionOptions extends ServiceOptions {
  namespace: string;
}

/** Reads `--url` or SLUICE_URL, and SLUICE_TOKEN. Throws a `UsageError` that says what to set. */
export function readClientEnvironment(
  env: Terminal["env"],
  options: Pick<ConnectionOptions, "url"> = {},
): { urls: string[]; token: string } {
  const settings = parseClientEnvironment(env);
  const url = options.url ?? settings.url ?? URL_DEFAULT;
  const urls = parseUrls(url);
  const { token } = settings;
  if (token === undefined) {
    throw new UsageError(`SLUICE_TOKEN is not set; set it to the token for ${url} (\`npm start\` prints its own)`);
  }
  return { urls, token };
}

function parseUrls(text: string): string[] {
  try {
    return parseAddresses(text).map(({ href }) => href);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}; SLUICE_URL or --url, for instance ${URL_DEFAULT}`);
  }
}

/** Runs `work` with a client for the service that options and environment name, and then closes the client. */
export async function withClient<T>(
  terminal: Terminal,
  options: ServiceOptions,
  work: (client: SluiceClient, urls: readonly string[]) => Promise<T>,
): Promise<T> {
  const { urls, token } = readClientEnvironment(terminal.env, options);
  const client = createSluiceClient({
    urls,
    token,
    ...(options.ca !== undefined && { tls: { ca: readCa(options.ca) } }),
  });
  try {
    return await work(client, urls);
  } finally {
    client.close();
  }
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`the certificate "${path}" cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
