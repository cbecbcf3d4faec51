import { readFile } from "node:fs/promises";
import type { TokenSource } from "../client/credentials.ts";
import { parseClientEnvironment } from "../config/config.ts";
import { renewLogin } from "./device-flow.ts";
import { UsageError } from "./exit-code.ts";
import { type Login, openLoginFile } from "./login-file.ts";
import type { Terminal } from "./terminal.ts";

/** A token is renewed when it has less than this to live, in milliseconds: a call is on its way for a while. */
const RENEW_BEFORE_MS = 30_000;

/**
 * The tokens for a service: SLUICE_TOKEN, or the file that SLUICE_TOKEN_FILE names, or those of `sluice login`. The file is read
 * for each call, because others replace it. A login is renewed before it ends. Rejects with a `UsageError` that says what to do.
 */
export function openTokenSource(terminal: Pick<Terminal, "env" | "signal">, urls: readonly string[]): TokenSource {
  const { token, tokenFile } = parseClientEnvironment(terminal.env);
  if (token !== undefined) return async () => token;
  if (tokenFile !== undefined) return async () => await readToken(tokenFile);
  return openLogin(terminal, urls);
}

async function readToken(path: string): Promise<string> {
  try {
    const token = (await readFile(path, "utf8")).trim();
    if (token !== "") return token;
  } catch (error) {
    throw new UsageError(`SLUICE_TOKEN_FILE "${path}" cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  throw new UsageError(`SLUICE_TOKEN_FILE "${path}" is empty`);
}

function openLogin({ env, signal }: Pick<Terminal, "env" | "signal">, urls: readonly string[]): TokenSource {
  const file = openLoginFile(env, urls);
  let login: Login | undefined;
  let renewing: Promise<Login> | undefined;
  const renew = async (refused: string | undefined): Promise<Login> => {
    const stored = await file.read();
    if (stored === undefined) throw toSignedOut(urls);
    // Another command has renewed it meanwhile.
    if (isFit(stored, refused)) return stored;
    // Without an answer of the issuer, the service judges the token that there is.
    const renewed = await renewLogin(stored, signal).catch(() => undefined);
    if (renewed !== undefined) await file.write(renewed);
    // A refresh token may be used once: when it was used up at this moment, the other command has stored the new login.
    return renewed ?? (await file.read()) ?? stored;
  };
  return async ({ refused }) => {
    if (isFit(login, refused)) return login.token;
    renewing ??= renew(refused).finally(() => {
      renewing = undefined;
    });
    login = await renewing;
    return login.token;
  };
}

function isFit(login: Login | undefined, refused: string | undefined): login is Login {
  return login !== undefined && login.token !== refused && login.expiresAt - Date.now() > RENEW_BEFORE_MS;
}

function toSignedOut(urls: readonly string[]): UsageError {
  return new UsageError(
    `SLUICE_TOKEN is not set, and nobody is signed in at ${urls.join(",")}; run \`sluice login\`, or set SLUICE_TOKEN or ` +
      "SLUICE_TOKEN_FILE (`npm start` prints the token of its own service)",
  );
}
