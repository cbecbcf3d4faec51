import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Authenticator } from "../authenticator.ts";
import { readBearerToken, refuseToken } from "../bearer-token.ts";
import { looksLikeJwt } from "../choose-authenticator.ts";
import type { FetchedKeys } from "./fetch-keys.ts";
import { IssuerKeys, type KeyTimes } from "./issuer-keys.ts";
import type { IssuerPolicy } from "./issuer-policy.ts";
import { type Issuer, type VerifiedToken, verifyToken } from "./verify-token.ts";

/** Tokens that are remembered as verified, for each worker: some 500 bytes each. The one that was used longest ago goes first. */
const REMEMBERED_MAX = 10_000;

/** What the authenticator works with. */
export interface OidcOptions {
  issuers: readonly IssuerPolicy[];
  fetchKeys: (policy: IssuerPolicy) => Promise<FetchedKeys>;
  /** Milliseconds since 1970. */
  now?: () => number;
  times?: KeyTimes;
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
 * issuer change: verifying costs some 100 µs of a signature, remembering 2 µs. Rejects as `verifyToken` does.
 */
export function startOidcAuthenticator(options: OidcOptions): OidcAuthenticator {
  const { fetchKeys, now = Date.now, times, onState } = options;
  const issuers = new Map<string, Issuer>();
  for (const policy of options.issuers) {
    const keys = new IssuerKeys({
      alias: policy.alias,
      fetchKeys: () => fetchKeys(policy),
      now,
      onState: (problem) => onState?.(policy.alias, problem),
      ...(times !== undefined && { times }),
    });
    issuers.set(policy.issuer, { policy, keys });
  }
  for (const { keys } of issuers.values()) keys.start();
  const remembered = new LRUCache<string, VerifiedToken>({ max: REMEMBERED_MAX });
  return {
    async authenticate(header) {
      const token = readBearerToken(header);
      if (!looksLikeJwt(token)) throw refuseToken("TOKEN_INVALID", "the token is not a signed JWT in compact form");
      // The token itself is not kept: a copy of the memory would be a list of valid tokens.
      const id = hash("sha256", token, "base64");
      const known = remembered.get(id);
      if (known !== undefined && now() < known.validUntil && known.issuer.keys.isCurrent(known.keyState)) {
        return known.caller;
      }
      remembered.delete(id);
      const verified = await verifyToken(token, { issuers, now });
      remembered.set(id, verified);
      return verified.caller;
    },
    stop() {
      for (const { keys } of issuers.values()) keys.stop();
    },
  };
}
