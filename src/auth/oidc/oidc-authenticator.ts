import type { Authenticator } from "../authenticator.ts";
import { readBearerToken, refuseToken } from "../bearer-token.ts";
import { looksLikeJwt } from "../choose-authenticator.ts";
import { VerifiedTokens } from "../verified-tokens.ts";
import type { FetchedKeys } from "./fetch-keys.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import type { IssuerPolicy } from "./issuer-policy.ts";
import { type Issuer, type VerifiedToken, verifyToken } from "./verify-token.ts";

/** What the authenticator works with. */
export interface OidcOptions {
  issuers: readonly IssuerPolicy[];
  fetchKeys: (policy: IssuerPolicy) => Promise<FetchedKeys>;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Hears after each fetch of an issuer's keys what is wrong with it, or undefined when all is well. */
  onState?: (alias: string, problem: string | undefined) => void;
}

/** An authenticator that fetches keys in the background until it is stopped. */
export interface OidcAuthenticator {
  authenticate: Authenticator;
  stop(): void;
}

/**
 * Accepts JWTs of the given issuers. A token is verified once, and then remembered by its hash until it expires or the keys of its
 * issuer change: verifying costs some 100 µs of a signature. Rejects as `verifyToken` does.
 */
export function startOidcAuthenticator(options: OidcOptions): OidcAuthenticator {
  const { fetchKeys, now = Date.now, onState } = options;
  const issuers = new Map<string, Issuer>();
  for (const policy of options.issuers) {
    const keys = new IssuerKeys({
      alias: policy.alias,
      fetchKeys: () => fetchKeys(policy),
      now,
      onState: (problem) => onState?.(policy.alias, problem),
    });
    issuers.set(policy.issuer, { policy, keys });
  }
  for (const { keys } of issuers.values()) keys.start();
  const tokens = new VerifiedTokens<VerifiedToken>({
    name: "oidc_tokens",
    now,
    isCurrent: ({ issuer, keyState }) => issuer.keys.isCurrent(keyState),
  });
  return {
    async authenticate(header) {
      const token = readBearerToken(header);
      if (!looksLikeJwt(token)) throw refuseToken("TOKEN_INVALID", "the token is not a signed JWT in compact form");
      return await tokens.callerOf(token, () => verifyToken(token, { issuers, now }));
    },
    stop() {
      for (const { keys } of issuers.values()) keys.stop();
    },
  };
}
