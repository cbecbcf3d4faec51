import type { Authenticator } from "./authenticator.ts";
import { chooseByToken } from "./choose-authenticator.ts";
import { createDevAuthenticator } from "./dev-authenticator.ts";
import type { IssuerPolicy } from "./oidc/issuer-policy.ts";

/** The ways by which callers may prove who they are; at least one of them. */
export interface AuthenticationWays {
  /** The static token; undefined when none is accepted. */
  devToken: string | undefined;
  issuers: readonly IssuerPolicy[];
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
  { devToken, issuers }: AuthenticationWays,
  { log, degrade }: IssuerReports,
): Promise<Authentication> {
  const dev = devToken === undefined ? undefined : createDevAuthenticator(devToken);
  if (issuers.length === 0) {
    if (dev === undefined) throw new Error("no way to authenticate is configured");
    return { authenticate: dev, stop: () => {} };
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
  const authenticate = dev === undefined ? oidc.authenticate : chooseByToken({ oidc: oidc.authenticate, dev });
  return { authenticate, stop: oidc.stop };
}
