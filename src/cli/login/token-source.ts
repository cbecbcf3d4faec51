import { readFile } from "node:fs/promises";
import type { TokenSource } from "../../client/credentials.ts";
import { parseClientEnvironment } from "../../config/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { renewLogin } from "./device-flow.ts";
import { type Login, openLoginFile } from "./login-file.ts";

/** A token is renewed when it has less than this to live, in milliseconds: a call is on its way for a while. */
const RENEW_BEFORE_MS = 30_000;

/**
 * The tokens for a service: SLUICE_TOKEN, or the file that SLUICE_TOKEN_FILE names, or those that AWS credentials sign where
 * SLUICE_AUTH is "iam", or those of `sluice login`. With `--auth iam` they are signed, whatever else is set. The file is read for each
 * call, because others replace it. A login is renewed before it ends. Rejects with a `UsageError` that says what to do.
 */
export async function openTokenSource(
  terminal: Pick<Terminal, "env" | "signal">,
  urls: readonly string[],
  { auth }: { auth?: "iam" | undefined } = {},
): Promise<TokenSource> {
  const { token, tokenFile, auth: way, iam } = parseClientEnvironment(terminal.env);
  if (auth === "iam") return await openIam(iam);
  if (token !== undefined) return async () => token;
  if (tokenFile !== undefined) return async () => await readToken(tokenFile);
  return way === "iam" ? await openIam(iam) : openLogin(terminal, urls);
}

async function openIam({
  serverId,
  region,
  endpoint,
}: ReturnType<typeof parseClientEnvironment>["iam"]): Promise<TokenSource> {
  if (serverId === undefined) {
    throw new UsageError(
      "SLUICE_IAM_SERVER_ID is not set; set it to the one of the service, for which AWS credentials sign",
    );
  }
  if (region === undefined) throw new UsageError("AWS_REGION is not set; name the region whose STS says who you are");
  // What signs is loaded by those who sign.
  const { createIamTokenSource } = await import("../../client/iam-token.ts");
  let source: TokenSource;
  try {
    source = createIamTokenSource({ serverId, region, endpoint });
  } catch (error) {
    throw new UsageError(`AWS_REGION or AWS_ENDPOINT_URL_STS is wrong: ${(error as Error).message}`);
  }
  return async (options) => {
    try {
      return await source(options);
    } catch (error) {
      const advice = "run with a role (of a task, a pod, an instance) or with AWS_PROFILE";
      throw new UsageError(`there are no AWS credentials to sign with: ${(error as Error).message}; ${advice}`);
    }
  };
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
