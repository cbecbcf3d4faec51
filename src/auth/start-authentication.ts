import type { TokenKind } from "../domain/caller.ts";
import type { Authenticator } from "./authenticator.ts";
import { chooseByForm, type FormJudge, looksLikeJwt } from "./choose-authenticator.ts";
import { createDevAuthenticator } from "./dev-authenticator.ts";
import type { IssuerPolicy } from "./oidc/issuer-policy.ts";
import { createUploadTokenAuthenticator, type UploadTokenPolicy } from "./upload/upload-token-authenticator.ts";
import { looksLikeUploadToken } from "./upload/upload-token-form.ts";

/** The ways by which callers may prove who they are; at least one of them beside upload tokens, which need an issuer. */
export interface AuthenticationWays {
  /** The static token; undefined when none is accepted. */
  devToken: string | undefined;
  issuers: readonly IssuerPolicy[];
  uploadTokens: Pick<UploadTokenPolicy, "signer" | "uploadLifeMaxMs">;
}

/** Where the states of issuers are told; a pino logger fits `log`. */
export interface IssuerReports {
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void };
  /** Tells what is wrong with an issuer, in a sentence, or undefined when all is well. */
  degrade: (component: string, problem: string | undefined) => void;
}

/** A running authentication: it fetches issuers' keys until it is stopped. */
export interface Authentication {
  authenticate: Authenticator;
  stop(): void;
}

/** Starts to accept callers by the given ways. It waits for no issuer: one that is away degrades the service, and stops nothing. */
export async function startAuthentication(
  { devToken, issuers, uploadTokens }: AuthenticationWays,
  { log, degrade }: IssuerReports,
): Promise<Authentication> {
  const dev = devToken === undefined ? undefined : createDevAuthenticator(devToken);
  const issuerKinds = new Set<TokenKind>([
    ...(dev === undefined ? [] : (["dev"] as const)),
    ...(issuers.length === 0 ? [] : (["oidc"] as const)),
  ]);
  const upload: FormJudge = {
    hasForm: looksLikeUploadToken,
    authenticate: createUploadTokenAuthenticator({ ...uploadTokens, issuerKinds }),
  };
  if (issuers.length === 0) {
    if (dev === undefined) throw new Error("no way to authenticate is configured");
    return { authenticate: chooseByForm([upload], dev), stop: () => {} };
  }
  // The library for tokens is loaded by the services that take tokens.
  const [{ startOidcAuthenticator }, { fetchKeys }] = await Promise.all([
    import("./oidc/oidc-authenticator.ts"),
    import("./oidc/fetch-keys.ts"),
  ]);
  const told = new Map<string, string | undefined>();
  const oidc = startOidcAuthenticator({
    issuers,
    fetchKeys: (policy) => fetchKeys(policy),
    onState: (issuer, problem) => {
      if (problem === told.get(issuer)) return;
      told.set(issuer, problem);
      degrade(`issuer ${issuer}`, problem);
      if (problem === undefined) log.info({ issuer }, "the issuer's keys are well again");
      else
        log.warn({ issuer, problem }, "the issuer's keys have a problem; those that were fetched before still count");
    },
  });
  const jwt: FormJudge = { hasForm: looksLikeJwt, authenticate: oidc.authenticate };
  // Without a development token, the judge of JWTs says what is wrong with a token of no known form.
  return { authenticate: chooseByForm([upload, jwt], dev ?? oidc.authenticate), stop: oidc.stop };
}
