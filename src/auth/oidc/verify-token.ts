import { decodeJwt, errors, jwtVerify } from "jose";
import type { DomainError } from "../../domain/errors.ts";
import { refuseToken } from "../bearer-token.ts";
import type { Verified } from "../verified-tokens.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import type { IssuerPolicy } from "./issuer-policy.ts";
import { toCaller } from "./token-claims.ts";

/** An issuer: which of its tokens are accepted, and its keys. */
export interface Issuer {
  policy: IssuerPolicy;
  keys: IssuerKeys;
}

/** What a verified token says, and of which state of the keys. */
export interface VerifiedToken extends Verified {
  issuer: Issuer;
  /** The state of the issuer's keys: the token must be verified anew in another one. */
  keyState: string;
}

/**
 * Verifies a JWT of one of the issuers, given by their `iss`: signature, algorithm, issuer, times, audience and required claims.
 * Rejects with `unauthenticated` and the reason, or with `unavailable / ISSUER_UNAVAILABLE`. No message quotes the token.
 */
export async function verifyToken(
  token: string,
  { issuers, now }: { issuers: ReadonlyMap<string, Issuer>; now: () => number },
): Promise<VerifiedToken> {
  try {
    assertCanonical(token);
    const issuer = findIssuer(token, issuers);
    const { policy, keys } = issuer;
    let keyState = "";
    const findKey: Parameters<typeof jwtVerify>[1] = async (header) => {
      const found = await keys.find(header);
      keyState = found.state;
      return found.key;
    };
    const { payload } = await jwtVerify(token, findKey, {
      algorithms: [...policy.algorithms],
      issuer: policy.issuer,
      requiredClaims: ["exp"],
      clockTolerance: policy.clockToleranceMs / 1000,
      currentDate: new Date(now()),
    });
    const validUntil = Number(payload.exp) * 1000 + policy.clockToleranceMs;
    return { caller: toCaller(payload, policy), issuer, keyState, validUntil };
  } catch (error) {
    throw toRefusal(error);
  }
}

/**
 * Other letters at the end of a signature may stand for the same bytes (RFC 4648, 3.5). Only one form counts, so that a token has
 * one hash. Header and claims need no such check: their text is what is signed.
 */
function assertCanonical(token: string): void {
  const signature = token.slice(token.lastIndexOf(".") + 1);
  if (Buffer.from(signature, "base64url").toString("base64url") === signature) return;
  throw refuseToken("TOKEN_INVALID", "the token's signature is not written in base64url");
}

/** The issuer that the token names. The name is not verified yet: it only chooses the keys that verify it. */
function findIssuer(token: string, issuers: ReadonlyMap<string, Issuer>): Issuer {
  const { iss } = decodeJwt(token);
  // jose types the claim as a string, but anything may be in it.
  const issuer = typeof iss === "string" ? issuers.get(iss) : undefined;
  if (issuer !== undefined) return issuer;
  throw refuseToken("TOKEN_ISSUER_UNKNOWN", "the token is of an issuer that this service does not know");
}

/** jose's errors become refusals by their class. Any other error stays as it is. */
function toRefusal(error: unknown): unknown {
  if (!(error instanceof errors.JOSEError)) return error;
  return explain(error);
}

function explain(error: errors.JOSEError): DomainError {
  if (error instanceof errors.JWTExpired)
    return refuseToken("TOKEN_EXPIRED", "the token has expired; get a new one from its issuer");
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === "nbf" && error.reason === "check_failed") {
      return refuseToken(
        "TOKEN_NOT_YET_VALID",
        "the token is not valid yet; compare the clock of its issuer with that of the service",
      );
    }
    return refuseToken("TOKEN_CLAIM_REFUSED", `the token's claim ${error.claim} is missing or is not what it must be`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return refuseToken(
      "TOKEN_INVALID",
      "the token is signed by an algorithm that this service does not accept from its issuer",
    );
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refuseToken("TOKEN_INVALID", "the token's signature is wrong");
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    // OpenID Connect Core 1.0, 10.1: a token must name its key where the issuer has several.
    return refuseToken("TOKEN_INVALID", "the token does not say by which of its issuer's keys it is signed (kid)");
  }
  return refuseToken("TOKEN_INVALID", "the token is not a signed JWT in compact form");
}
