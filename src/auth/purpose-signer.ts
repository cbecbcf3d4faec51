import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** Keys that sign: the first signs, and each of them verifies, so that a key can be replaced without refusing what it signed. */
export const SIGNING_KEYS_MAX = 2;
/** Shortest key, in bytes: as long as the codes that it makes. */
export const SIGNING_KEY_MIN_BYTES = 32;

const KEY_BYTES = 32;

/** Signs texts for one purpose. A code that was made for one purpose is worth nothing for another. */
export interface PurposeSigner {
  /** A code of 43 characters of base64url. */
  sign(text: string): string;
  /** Whether one of the keys made the code for this text. It takes equally long wherever the codes differ. */
  hasSigned(text: string, code: string): boolean;
}

/**
 * A signer for a purpose, such as "sluice/upload/v1", by HMAC-SHA-256. Each key is derived for the purpose alone (HKDF,
 * RFC 5869, with the purpose as info), and the purpose stands before what is signed as well. The service that signs is the
 * one that verifies: a signature that others could verify, such as Ed25519, would cost more and prove nothing more.
 */
export function createPurposeSigner(keys: readonly Uint8Array[], purpose: string): PurposeSigner {
  const derived = keys.map((key) => Buffer.from(hkdfSync("sha256", key, "", purpose, KEY_BYTES)));
  const [first] = derived;
  if (first === undefined) throw new Error(`there is no key to sign for ${purpose}`);
  const toCode = (key: Buffer, text: string) =>
    createHmac("sha256", key).update(`${purpose}\n${text}`).digest("base64url");
  return {
    sign: (text) => toCode(first, text),
    hasSigned: (text, code) => {
      const given = Buffer.from(code);
      return derived.some((key) => {
        const right = Buffer.from(toCode(key, text));
        return given.length === right.length && timingSafeEqual(given, right);
      });
    },
  };
}
