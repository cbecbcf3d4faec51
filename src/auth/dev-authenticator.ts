import { createHash, timingSafeEqual } from "node:crypto";
import type { Caller } from "../domain/caller.ts";
import type { Authenticator } from "./authenticator.ts";
import { readBearerToken, refuseToken } from "./bearer-token.ts";

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
    if (timingSafeEqual(digest(readBearerToken(header)), expected)) return DEVELOPER;
    throw refuseToken("TOKEN_INVALID", "the token is not the one of this service");
  };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
