import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import type { SecretSealer } from "../domain/subscriptions/webhook-secret.ts";

/** AES-256-GCM: NIST SP 800-38D. */
const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * A sealer for a purpose, such as "sluice/webhook/v1". The first key seals, and each of them opens. Each key is derived for the
 * purpose alone, as `createPurposeSigner` does.
 */
export function createPurposeSealer(keys: readonly Uint8Array[], purpose: string): SecretSealer {
  const derived = keys.map((key) => Buffer.from(hkdfSync("sha256", key, "", purpose, KEY_BYTES)));
  const [first] = derived;
  if (first === undefined) throw new Error(`there is no key to seal for ${purpose}`);
  return {
    seal: (secret, owner) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, first, nonce).setAAD(Buffer.from(owner));
      return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    },
    open: (sealed, owner) => {
      for (const key of derived) {
        const secret = open(key, sealed, owner);
        if (secret !== undefined) return { secret, isStale: key !== first };
      }
      return undefined;
    },
  };
}

function open(key: Buffer, sealed: Uint8Array, owner: string): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(owner)).setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    // It was sealed by another key, or for another owner; node:crypto says no more than that.
    return undefined;
  }
}
