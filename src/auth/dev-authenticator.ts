import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import type { Authenticator } from "./authenticator.ts";

const SCHEME = /^bearer +(\S+) *$/i;

/** The caller that holds the development token. */
const DEVELOPER: Caller = Object.freeze({ principal: "dev:local", groups: [], tokenKind: "dev" });

/**
 * Accepts one static token, sent as `authorization: Bearer <token>`: for the embedded stack, never for production. The
 * comparison takes equally long wherever the tokens differ. It compares digests, so that its time does not show the length
 * either. `token` must not be empty.
 */
export function createDevAuthenticator(token: string): Authenticator {
  if (token === "") throw new Error("the development token is empty; every caller would know it");
  const expected = digest(token);
  return async (header) => {
    const authorization = header("authorization") ?? "";
    if (authorization === "") {
      throw new DomainError(
        "unauthenticated",
        'the call carries no token; send the header "authorization: Bearer <token>"',
        { reason: "TOKEN_MISSING" },
      );
    }
    const given = SCHEME.exec(authorization)?.[1];
    if (given === undefined) {
      throw new DomainError("unauthenticated", 'the authorization header is not of the form "Bearer <token>"', {
        reason: "TOKEN_INVALID",
      });
    }
    if (!timingSafeEqual(digest(given), expected)) {
      throw new DomainError("unauthenticated", "the token is not the one of this service", { reason: "TOKEN_INVALID" });
    }
    return DEVELOPER;
  };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
