import { randomBytes } from "node:crypto";
import { DomainError } from "../errors.ts";

/** Bytes of a secret: Standard Webhooks wants 24 to 64. */
const SECRET_BYTES = 32;
/** What stands before the base64 of a secret, as receivers' libraries expect it. */
const SECRET_PREFIX = "whsec_";
/** What the keys are derived for that seal secrets. */
export const WEBHOOK_PURPOSE = "sluice/webhook/v1";

/** Keeps secrets so that whoever reads where they are kept cannot use them. */
export interface SecretSealer {
  /** Seals a secret for the thing that it belongs to: it opens for no other. */
  seal(secret: Uint8Array, owner: string): Uint8Array;
  /**
   * The secret, and whether it was sealed by a key that is to be replaced: seal it again then. Undefined when none of the keys has sealed
   * it for this owner.
   */
  open(sealed: Uint8Array, owner: string): { secret: Uint8Array; isStale: boolean } | undefined;
}

/** A new secret, sealed for its subscription. `failed_precondition / WEBHOOKS_OFF` where the service has no keys to seal with. */
export function createSealedSecret(sealer: SecretSealer | undefined, subscriptionId: string): Uint8Array {
  if (sealer === undefined) {
    const message =
      "this service has no webhooks: whoever runs it sets SLUICE_TOKEN_KEYS to keys that seal their secrets; a bus of EventBridge needs none";
    throw new DomainError("failed_precondition", message, { reason: "WEBHOOKS_OFF" });
  }
  return sealer.seal(randomBytes(SECRET_BYTES), subscriptionId);
}

/** A sealed secret as its owner gets it; empty where there is none, or where its key is gone. */
export function showSecret(
  sealer: SecretSealer | undefined,
  subscriptionId: string,
  sealed: Uint8Array | undefined,
): string {
  const secret = sealed && sealer?.open(sealed, subscriptionId)?.secret;
  return secret === undefined ? "" : `${SECRET_PREFIX}${Buffer.from(secret).toString("base64")}`;
}
