import type { Authenticator } from "./authenticator.ts";
import { readBearerToken } from "./bearer-token.ts";

/** The form of a JWT in compact serialization: three parts (RFC 7515, 7.1). */
const JWT = /^[^.]*\.[^.]*\.[^.]*$/;

/** Whether a token has the form of a JWT. */
export function looksLikeJwt(token: string): boolean {
  return JWT.test(token);
}

/**
 * Lets callers in by either of two kinds of token. The form of the token decides which authenticator judges it, and that one
 * decides alone: a JWT that is refused is never compared with the development token.
 */
export function chooseByToken({ oidc, dev }: { oidc: Authenticator; dev: Authenticator }): Authenticator {
  return async (header, connectedFrom) => {
    const judge = looksLikeJwt(readBearerToken(header)) ? oidc : dev;
    return await judge(header, connectedFrom);
  };
}
