import type { Caller } from "../../domain/caller.ts";
import { refuseToken } from "../bearer-token.ts";
import type { IssuerPolicy, RequiredClaims } from "./issuer-policy.ts";

/** The claims of a token whose signature, issuer and times are right. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * Longest name of a caller or group, in characters. OpenID Connect allows 255 for a subject; Kubernetes names a service account
 * by up to 338.
 */
export const NAME_MAX_CHARACTERS = 512;

/** Characters that a name must not have: they would be invisible, or change how it is shown or stored. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * The caller that a token's claims name, once they are what the policy asks for. Rejects with `unauthenticated`:
 * `TOKEN_AUDIENCE_WRONG` for a token that is meant for somebody else, `TOKEN_CLAIM_REFUSED` for a required claim that is missing
 * or has another value, and for a subject or groups of another form.
 */
export function toCaller(claims: Claims, policy: IssuerPolicy): Caller {
  assertAudience(claims, policy);
  assertRequired(claims, policy.requiredClaims, []);
  const subject = readClaim(claims, policy.subjectClaim);
  if (!isName(subject)) throw refuseName(policy.subjectClaim, "the caller");
  const groups = readGroups(claims, policy).map((group) => `${policy.alias}:${group}`);
  return Object.freeze({ principal: `${policy.alias}:${subject}`, groups: Object.freeze(groups), tokenKind: "oidc" });
}

function assertAudience(claims: Claims, { audiences, audienceClaim }: IssuerPolicy): void {
  const meantFor = toList(claims[audienceClaim]);
  if (audiences.some((audience) => meantFor.includes(audience))) return;
  const message = `the token's claim ${audienceClaim} does not name this service; ask the issuer for a token with one of its audiences`;
  throw refuseToken("TOKEN_AUDIENCE_WRONG", message);
}

function assertRequired(claims: Claims, required: RequiredClaims, above: readonly string[]): void {
  for (const [name, allowed] of Object.entries(required)) {
    const path = [...above, name];
    const value = readClaim(claims, [name]);
    if (isList(allowed)) {
      if (toList(value).some((one) => allowed.includes(one as never))) continue;
      const message = `the token's claim ${path.join(".")} is missing or has a value that this service does not accept`;
      throw refuseToken("TOKEN_CLAIM_REFUSED", message);
    }
    assertRequired(isObject(value) ? value : {}, allowed, path);
  }
}

function readGroups(claims: Claims, { groupsClaim }: IssuerPolicy): string[] {
  if (groupsClaim === undefined) return [];
  const value = readClaim(claims, groupsClaim);
  const groups = value === undefined ? [] : toList(value);
  if (!groups.every(isName)) throw refuseName(groupsClaim, "each group");
  return [...new Set(groups)];
}

/** A claim by its path; undefined when it is not there. Names that every object inherits are no claims. */
function readClaim(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

function isName(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || value.length > NAME_MAX_CHARACTERS) return false;
  return value.isWellFormed() && !UNFIT.test(value);
}

function refuseName(path: readonly string[], what: string): Error {
  const message = `the token's claim ${path.join(".")} must name ${what} by 1 to ${NAME_MAX_CHARACTERS} visible characters`;
  return refuseToken("TOKEN_CLAIM_REFUSED", message);
}

function toList(value: unknown): readonly unknown[] {
  return isList(value) ? value : [value];
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
