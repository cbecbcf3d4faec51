import { parseIamIdentity } from "../../domain/access/iam-principal.ts";
import { IAM_TOKEN_MAX_SECONDS, type SignedIdentity } from "../../domain/access/iam-token.ts";
import { STS_REGIONS } from "../../domain/access/sts-regions.ts";
import type { Caller } from "../../domain/caller.ts";
import { DomainError } from "../../domain/errors.ts";
import { type VisitLimits, VisitorLimits } from "../../domain/limits/visitor-limits.ts";
import type { Authenticator } from "../authenticator.ts";
import { readBearerToken, refuseToken } from "../bearer-token.ts";
import { toSourceAddress } from "../source-address.ts";
import { type Verified, VerifiedTokens } from "../verified-tokens.ts";
import { askSts, type StsAnswer, type StsOptions } from "./ask-sts.ts";
import { parseAmzDate, readIamToken } from "./read-iam-token.ts";
import { STS_BREAKER_LIMITS, type StsBreakerLimits, StsBreakers } from "./sts-breakers.ts";

/** How far the clocks of callers and service may be apart, in milliseconds. */
export const CLOCK_TOLERANCE_MS = 60_000;

/**
 * Calls of STS for tokens that this worker does not know. A caller costs one in ten minutes, so 200 callers behind one address may
 * start together. One address has at most an eighth of the calls at once and of the places to wait, and turns go round among the
 * addresses: whoever forges tokens, from one address or from many, takes from nobody else more than a turn.
 */
export const STS_CALL_LIMITS: VisitLimits = {
  work: { runningMax: 32, waitingMax: 2000, callerShare: 1 / 8 },
  rate: { intervalMs: 50, burstMax: 200, callersMax: 10_000 },
};

/** When a caller may try again after STS gave no verdict, in milliseconds. */
const RETRY_MS = 1000;

/** Which callers are let in, and how STS is asked. */
export interface IamPolicy extends Pick<StsOptions, "serverId" | "endpoint"> {
  /** The accounts whose roles and users may call, each as 12 digits. */
  accounts: readonly string[];
}

/** What the authenticator works with. */
export interface IamOptions extends IamPolicy {
  /** Proxies in front, whose addresses are not the callers'. */
  trustedProxies: number;
  /** Milliseconds since 1970. */
  now?: () => number;
  calls?: VisitLimits;
  breaker?: StsBreakerLimits;
  limits?: StsOptions["limits"];
  /** Hears what is wrong with the STS of a region, or undefined when it has answered. */
  onState?: (region: string, problem: string | undefined) => void;
}

/** An authenticator whose breakers have timers until it is stopped. */
export interface IamAuthenticator {
  authenticate: Authenticator;
  stop(): void;
}

/**
 * Accepts callers of AWS by their signatures over GetCallerIdentity, which this service sends itself. A token is asked about once, and
 * then remembered by its hash until it ends: the smaller of its expiry and 15 minutes after it was signed, by this service's clock,
 * because STS does not look at the expiry. Rejects with `unauthenticated` and the reason, with `unavailable / STS_UNAVAILABLE` when STS
 * gives no verdict, and with `resource_exhausted / OVERLOADED` when too many unknown tokens come. No message quotes the token.
 */
export function startIamAuthenticator(options: IamOptions): IamAuthenticator {
  const { now = Date.now, calls = STS_CALL_LIMITS, breaker: breakerLimits = STS_BREAKER_LIMITS } = options;
  const tokens = new VerifiedTokens<Verified>({ name: "iam_tokens", now });
  const visits = new VisitorLimits("questions to AWS STS", calls);
  const breakers = new StsBreakers(breakerLimits);
  const ask = async (signed: SignedIdentity): Promise<StsAnswer> => {
    try {
      const answer = await breakers.run(signed.region, () => askSts(signed, options));
      options.onState?.(signed.region, answer.kind === "undecided" ? answer.problem : undefined);
      return answer;
    } catch (error) {
      const isOpen = (error as { code?: unknown }).code === "EOPENBREAKER";
      if (!isOpen) options.onState?.(signed.region, (error as Error).message);
      throw stsUnavailable(signed.region, isOpen ? breakerLimits.openMs : RETRY_MS);
    }
  };
  const verify = async (token: string, address: string): Promise<Verified> => {
    const signed = readIamToken(token);
    const validUntil = findEnd(signed, now());
    const answer = await visits.run(address, () => ask(signed));
    return { caller: toCaller(answer, signed, options.accounts), validUntil };
  };
  return {
    async authenticate(header, connectedFrom) {
      const token = readBearerToken(header);
      const origin = { connectedFrom, forwardedFor: header("x-forwarded-for") };
      const address = toSourceAddress(origin, options.trustedProxies);
      return await tokens.callerOf(token, () => verify(token, address));
    },
    stop: () => breakers.stop(),
  };
}

/** Until when a token counts, in milliseconds since 1970. Refuses one that has ended, or that is signed for later. */
function findEnd({ date, expiresSeconds }: SignedIdentity, now: number): number {
  const signedAt = parseAmzDate(date);
  if (signedAt > now + CLOCK_TOLERANCE_MS) {
    const message = "the token is signed for a later time; compare the clock of its maker with that of the service";
    throw refuseToken("TOKEN_NOT_YET_VALID", message);
  }
  const validUntil = signedAt + Math.min(expiresSeconds, IAM_TOKEN_MAX_SECONDS) * 1000 + CLOCK_TOLERANCE_MS;
  if (now >= validUntil) throw refuseToken("TOKEN_EXPIRED", "the token has expired; sign a new one");
  return validUntil;
}

function toCaller(answer: StsAnswer, { region }: SignedIdentity, accounts: readonly string[]): Caller {
  switch (answer.kind) {
    case "undecided":
      throw stsUnavailable(region, RETRY_MS);
    case "refused":
      if (/^(?:ExpiredToken|RequestExpired)/.test(answer.code)) {
        throw refuseToken("TOKEN_EXPIRED", "the credentials that signed the token have expired; sign with new ones");
      }
      throw refuseToken(
        "TOKEN_INVALID",
        "AWS does not accept the token's signature: it is signed for another service than this one (SLUICE_IAM_SERVER_ID), " +
          "or by credentials that are not valid",
      );
    case "identity":
      return toKnownCaller(answer, region, accounts);
  }
}

function toKnownCaller(
  { arn, account }: StsAnswer & { kind: "identity" },
  region: string,
  accounts: readonly string[],
): Caller {
  const identity = parseIamIdentity(arn);
  if (identity === undefined) {
    const message = "the token is neither of an assumed role nor of a user; sign with the credentials of a role";
    throw refuseToken("TOKEN_CLAIM_REFUSED", message);
  }
  if (identity.account !== account || identity.partition !== STS_REGIONS.get(region)?.partition) {
    throw refuseToken("TOKEN_INVALID", "the token is of a caller of another partition or account than AWS answers for");
  }
  if (!accounts.includes(account)) {
    const message =
      "the token is of an AWS account that this service does not know; SLUICE_IAM_ACCOUNTS lists those that it does";
    throw refuseToken("TOKEN_ISSUER_UNKNOWN", message);
  }
  const { principal, session } = identity;
  return Object.freeze({ principal, groups: [], tokenKind: "iam", ...(session !== undefined && { session }) });
}

function stsUnavailable(region: string, retryAfterMs: number): DomainError {
  const message = `AWS STS of ${region} does not say who you are at the moment; try again`;
  return new DomainError("unavailable", message, { reason: "STS_UNAVAILABLE", retryAfterMs });
}
