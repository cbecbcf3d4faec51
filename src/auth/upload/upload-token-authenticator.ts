import type { Caller } from "../../domain/caller.ts";
import type { Authenticator } from "../authenticator.ts";
import { readBearerToken, refuseToken } from "../bearer-token.ts";
import type { PurposeSigner } from "../purpose-signer.ts";
import { parseUploadToken } from "./upload-token-form.ts";

/** What judges upload tokens. */
export interface UploadTokenPolicy {
  /** Undefined where the service has no keys: it takes no upload tokens then. */
  signer: PurposeSigner | undefined;
  /** Whether the service would still let in whoever made a token, by the way that they came. */
  acceptsIssuer: (issuer: Caller) => boolean;
  /** How long after its expiry a token still gets at the uploads that it created, in milliseconds: as long as an upload lives. */
  uploadLifeMaxMs: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/**
 * Accepts the upload tokens of this service. An expired token is still accepted for as long as an upload that it created may
 * live: the creation of another one is refused by the database, whose clock decides that. Rejects with `TOKEN_INVALID` and
 * `TOKEN_EXPIRED`.
 */
export function createUploadTokenAuthenticator(policy: UploadTokenPolicy): Authenticator {
  const { signer, acceptsIssuer, uploadLifeMaxMs, now = Date.now } = policy;
  return async (header) => {
    const text = readBearerToken(header);
    if (signer === undefined)
      throw refuseToken("TOKEN_INVALID", "this service takes no upload tokens: it has no keys for them");
    const token = parseUploadToken(text, signer);
    if (token === undefined) {
      const message =
        "the upload token is not one of this service, or its key was retired; ask whoever gave it for another";
      throw refuseToken("TOKEN_INVALID", message);
    }
    if (!acceptsIssuer(token.issuer)) {
      const message =
        "whoever made the upload token came by an issuer, an account or a kind of token that this service does not accept any more; ask for another";
      throw refuseToken("TOKEN_INVALID", message);
    }
    if (now() >= token.expireTime.getTime() + uploadLifeMaxMs) {
      const message =
        "the upload token has expired, and so has every upload that it created; ask whoever gave it for another";
      throw refuseToken("TOKEN_EXPIRED", message);
    }
    return Object.freeze({
      principal: token.issuer.principal,
      groups: [],
      tokenKind: "upload",
      uploadToken: token,
    });
  };
}
