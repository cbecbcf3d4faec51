import type { Authenticator } from "./authenticator.ts";
import { readBearerToken } from "./bearer-token.ts";

/** The form of a JWT in compact serialization: three parts (RFC 7515, 7.1). */
const JWT = /^[^.]*\.[^.]*\.[^.]*$/;

/** Whether a token has the form of a JWT. */
export function looksLikeJwt(token: string): boolean {
  return JWT.test(token);
}

/** Who judges the tokens of one form. */
export interface FormJudge {
  hasForm: (token: string) => boolean;
  authenticate: Authenticator;
}

/**
 * Lets callers in by several kinds of tokens. The form of the token decides which authenticator judges it, and that one decides
 * alone: a JWT that is refused is never compared with the development token. Tokens of no form are left to `otherwise`.
 */
export function chooseByForm(judges: readonly FormJudge[], otherwise: Authenticator): Authenticator {
  return async (header, connectedFrom) => {
    const token = readBearerToken(header);
    const judge = judges.find(({ hasForm }) => hasForm(token))?.authenticate ?? otherwise;
    return await judge(header, connectedFrom);
  };
}
