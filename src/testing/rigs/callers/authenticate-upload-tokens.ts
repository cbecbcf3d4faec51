import type { Authenticator } from "../../../auth/authenticator.ts";
import { chooseByForm } from "../../../auth/choose-authenticator.ts";
import { createPurposeSigner } from "../../../auth/purpose-signer.ts";
import { createUploadTokenAuthenticator } from "../../../auth/upload/upload-token-authenticator.ts";
import { looksLikeUploadToken, UPLOAD_TOKEN_PURPOSE } from "../../../auth/upload/upload-token-form.ts";
import { authenticateCallers } from "./authenticate-callers.ts";

/** Keys of tests, in base64; the first signs where a service has both. */
export const TEST_TOKEN_KEYS = [
  Buffer.alloc(32, 1).toString("base64"),
  Buffer.alloc(32, 2).toString("base64"),
] as const;

const UPLOAD_LIFE_MAX_MS = 6 * 86_400_000;

/** Takes upload tokens that one of the keys has signed, and every other bearer token as `authenticateCallers` does. */
export function authenticateUploadTokens(keys: readonly string[] = TEST_TOKEN_KEYS.slice(0, 1)): Authenticator {
  const signer = createPurposeSigner(
    keys.map((key) => Buffer.from(key, "base64")),
    UPLOAD_TOKEN_PURPOSE,
  );
  const policy = { signer, acceptsIssuer: () => true, uploadLifeMaxMs: UPLOAD_LIFE_MAX_MS };
  const judge = { hasForm: looksLikeUploadToken, authenticate: createUploadTokenAuthenticator(policy) };
  return chooseByForm([judge], authenticateCallers);
}
