import { readFileSync } from "node:fs";
import { createSluiceClient, type SluiceClient } from "../../client/client.ts";
import { parseAddresses } from "../../client/connection/parse-addresses.ts";
import { parseClientEnvironment } from "../../config/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { openTokenSource } from "./token-source.ts";

/** The address at which `npm start` serves. */
const URL_DEFAULT = "http://127.0.0.1:8080";

/** Options of every command that calls the service. */
export interface ServiceOptions {
  url?: string;
  ca?: string;
  auth?: "iam";
}

/** Options of every command on files, which are in a namespace. */
export interface ConnectionOptions extends ServiceOptions {
  namespace: string;
}

/** Reads the addresses of the service: `--url` or SLUICE_URL. Throws a `UsageError` that says what is right. */
export function readClientUrls(env: Terminal["env"], options: Pick<ConnectionOptions, "url"> = {}): string[] {
  const text = options.url ?? parseClientEnvironment(env).url ?? URL_DEFAULT;
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
  const urls = readClientUrls(terminal.env, options);
  const token = await openTokenSource(terminal, urls, options);
  // A missing token is told before anything is read or connected.
  await token({ refused: undefined });
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

/** Reads the certificate that `--ca` names. Throws a `UsageError` that says why it cannot be read. */
export function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`the certificate "${path}" cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
