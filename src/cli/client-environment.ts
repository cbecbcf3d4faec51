import { readFileSync } from "node:fs";
import { createSluiceClient, type SluiceClient } from "../client/client.ts";
import { parseClientEnvironment } from "../config.ts";
import { UsageError } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

/** Where `npm start` serves. */
const URL_DEFAULT = "http://127.0.0.1:8080";

/** Options that every command which calls the service has. */
export interface ConnectionOptions {
  url?: string;
  ca?: string;
  namespace: string;
}

/** URL and token of the service: `--url` or SLUICE_URL, and SLUICE_TOKEN. `UsageError` says what to set. */
export function readClientEnvironment(
  env: Terminal["env"],
  options: Pick<ConnectionOptions, "url"> = {},
): { url: string; token: string } {
  const settings = parseClientEnvironment(env);
  const url = options.url ?? settings.url ?? URL_DEFAULT;
  const { token } = settings;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`"${url}" is no URL of a service; give SLUICE_URL one like ${URL_DEFAULT}`);
  }
  if (token === undefined) {
    throw new UsageError(`SLUICE_TOKEN is not set; set it to the token for ${url} (\`npm start\` prints its own)`);
  }
  return { url, token };
}

/** Runs `work` with a client for the service that options and environment name, and closes it. */
export async function withClient<T>(
  terminal: Terminal,
  options: ConnectionOptions,
  work: (client: SluiceClient, url: string) => Promise<T>,
): Promise<T> {
  const { url, token } = readClientEnvironment(terminal.env, options);
  const client = createSluiceClient({
    url,
    token,
    ...(options.ca !== undefined && { tls: { ca: readCa(options.ca) } }),
  });
  try {
    return await work(client, url);
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
