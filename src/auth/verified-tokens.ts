import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Caller } from "../domain/caller.ts";
import { recordMetric } from "../telemetry/metrics.ts";

/** Tokens that are remembered as verified, for each worker: some 500 bytes each. The one that was used longest ago goes first. */
const REMEMBERED_MAX = 10_000;

/** What a verified token says, and for how long that counts. */
export interface Verified {
  readonly caller: Caller;
  /** Milliseconds since 1970. */
  readonly validUntil: number;
}

/** When a verified token counts. */
export interface VerifiedTokensOptions<T extends Verified> {
  /** What metrics call this memory. */
  name: string;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Whether nothing has happened since that would change the verdict; always true when left out. */
  isCurrent?: (verified: T) => boolean;
}

/**
 * Remembers verified tokens by their hashes: verifying costs a signature or a request, remembering 2 µs. Calls that come with
 * one unknown token at once share one verification. The tokens themselves are not kept: a copy of the memory would be a list
 * of valid tokens. A refusal is not remembered.
 */
export class VerifiedTokens<T extends Verified> {
  readonly #name: string;
  readonly #now: () => number;
  readonly #isCurrent: (verified: T) => boolean;
  readonly #remembered = new LRUCache<string, T>({ max: REMEMBERED_MAX });
  readonly #underWay = new Map<string, Promise<T>>();

  constructor({ name, now, isCurrent = () => true }: VerifiedTokensOptions<T>) {
    this.#name = name;
    this.#now = now;
    this.#isCurrent = isCurrent;
  }

  /** The caller that a token names; `verify` is asked when the token is not known. Rejects as `verify` does. */
  async callerOf(token: string, verify: () => Promise<T>): Promise<Caller> {
    const id = hash("sha256", token, "base64");
    const known = this.#remembered.get(id);
    const isKnown = known !== undefined && this.#now() < known.validUntil && this.#isCurrent(known);
    const outcome = isKnown ? "hit" : "miss";
    recordMetric("sluice.cache.lookups", 1, { "sluice.cache": this.#name, "sluice.outcome": outcome });
    if (isKnown) return known.caller;
    this.#remembered.delete(id);
    const underWay = this.#underWay.get(id) ?? this.#verify(id, verify);
    return (await underWay).caller;
  }

  #verify(id: string, verify: () => Promise<T>): Promise<T> {
    const underWay = verify()
      .then((verified) => {
        this.#remembered.set(id, verified);
        return verified;
      })
      .finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, underWay);
    return underWay;
  }
}
