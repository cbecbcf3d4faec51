import { DomainError, type ErrorReason } from "../domain/errors.ts";
import type { HeaderGetter } from "./authenticator.ts";

/**
 * Longest token in characters. Tokens of issuers have 1 to 4 KiB, and some with many groups 10. Nothing of a longer one is parsed
 * or hashed.
 */
export const TOKEN_MAX_CHARACTERS = 16_384;

const SCHEME = /^bearer +(\S+) *$/i;

/**
 * The token of the authorization header. Rejects with `unauthenticated / TOKEN_MISSING` without a header, and
 * with `TOKEN_INVALID` when the header has another form, is too long or came twice. No message quotes what was sent.
 */
export function readBearerToken(header: HeaderGetter): string {
  const authorization = header("authorization") ?? "";
  if (authorization === "") {
    throw refuseToken("TOKEN_MISSING", 'the call carries no token; send the header "authorization: Bearer <token>"');
  }
  if (authorization.length > TOKEN_MAX_CHARACTERS + "bearer ".length) {
    const message = `the authorization header has ${authorization.length} characters; a token has at most ${TOKEN_MAX_CHARACTERS}`;
    throw refuseToken("TOKEN_INVALID", message);
  }
  const token = SCHEME.exec(authorization)?.[1];
  if (token === undefined) {
    throw refuseToken("TOKEN_INVALID", 'the authorization header is not of the form "Bearer <token>", sent once');
  }
  return token;
}

/** Why a token is refused. Each reason has its own remedy. */
export type TokenRefusal = Extract<ErrorReason, `TOKEN_${string}`>;

/** The refusal of a token: `unauthenticated`, with a sentence that quotes nothing of the token. */
export function refuseToken(reason: TokenRefusal, message: string): DomainError {
  return new DomainError("unauthenticated", message, { reason });
}
