import { looksLikeIamToken } from "../domain/access/iam-token.ts";
import type { Authenticator } from "./authenticator.ts";
import { readBearerToken, refuseToken } from "./bearer-token.ts";

/** The form of a JWT in compact serialization: three parts (RFC 7515, 7.1). */
const JWT = /^[^.]*\.[^.]*\.[^.]*$/;

/** Whether a token has the form of a JWT. */
export function looksLikeJwt(token: string): boolean {
  return JWT.test(token);
}

/** Those who judge tokens, by the form of the tokens that they judge; undefined where the service accepts none of that form. */
export interface Judges {
  /** JWTs. */
  oidc: Authenticator | undefined;
  /** Tokens that `writeIamToken` writes. */
  iam: Authenticator | undefined;
  /** All others: the development token. */
  dev: Authenticator | undefined;
}

/**
 * Lets callers in by any of several kinds of token. The form of the token decides which authenticator judges it, and that one
 * decides alone: a JWT that is refused is never compared with the development token. Forms without a judge are refused.
 */
export function chooseByToken(judges: Judges): Authenticator {
  return async (header, connectedFrom) => {
    const token = readBearerToken(header);
    const judge = judges[looksLikeIamToken(token) ? "iam" : looksLikeJwt(token) ? "oidc" : "dev"];
    if (judge === undefined) throw refuseToken("TOKEN_INVALID", "the token is of no kind that this service accepts");
    return await judge(header, connectedFrom);
  };
}
