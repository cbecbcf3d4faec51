import { UsageError } from "../terminal/exit-code.ts";
import { printJson, printNote, type Terminal } from "../terminal/terminal.ts";
import { readClientUrls } from "./client-environment.ts";
import { type SignInIssuer, signInByDevice } from "./device-flow.ts";
import { openLoginFile } from "./login-file.ts";

/** Time for the service's answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;

/** `sluice login`: asks the service for its issuers, signs in by the device flow, and keeps the tokens for this service alone. */
export async function runLogin(
  terminal: Terminal,
  options: { url?: string; issuer?: string; json: boolean },
): Promise<void> {
  const urls = readClientUrls(terminal.env, options);
  const issuer = choose(await readIssuers(urls[0] ?? "", terminal.signal), options.issuer);
  const file = openLoginFile(terminal.env, urls);
  const login = await signInByDevice(issuer, {
    signal: terminal.signal,
    prompt: ({ url, code }) => {
      if (options.json) printJson(terminal, { type: "prompt", url, code });
      else printNote(terminal, `Open ${url} and enter the code ${code}`);
    },
  });
  await file.write(login);
  const expireTime = new Date(login.expiresAt).toISOString();
  if (options.json) printJson(terminal, { type: "login", issuer: issuer.alias, expireTime, path: file.path });
  else printNote(terminal, `signed in by ${issuer.alias}; the tokens are in ${file.path}`);
}

function choose(issuers: readonly SignInIssuer[], alias: string | undefined): SignInIssuer {
  const aliases = issuers.map((one) => one.alias).join(", ");
  if (issuers.length === 0)
    throw new UsageError("the service names no issuer to sign in by; set SLUICE_TOKEN or SLUICE_TOKEN_FILE");
  const found = alias === undefined && issuers.length === 1 ? issuers[0] : issuers.find((one) => one.alias === alias);
  if (found !== undefined) return found;
  throw new UsageError(
    `${alias === undefined ? "name an issuer" : `there is no issuer "${alias}"`} with --issuer: ${aliases}`,
  );
}

async function readIssuers(url: string, signal: AbortSignal): Promise<SignInIssuer[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  try {
    const answer = await fetch(`${url.replace(/\/$/, "")}/docs/sign-in.json`, { redirect: "error", signal: limit });
    const { issuers } = (await answer.json()) as { issuers: SignInIssuer[] };
    return issuers;
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`${url} does not say how to sign in; is it a Sluice service?`, { cause: error });
  }
}
