import { createLocalJWKSet, errors, type JWTHeaderParameters } from "jose";
import { DomainError } from "../../domain/errors.ts";
import { refuseToken } from "../bearer-token.ts";
import type { FetchedKeys } from "./fetch-keys.ts";

/*
 * The keys of one issuer, which outlive an outage of it. jose's createRemoteJWKSet forgets keys after ten minutes, keeps nothing
 * when it cannot fetch them again, and reads answers of any length; here jose only chooses among keys that this file keeps.
 *
 * - Keys are fetched every `refreshEveryMs` in the background, so that no call waits for an issuer. After a failure they are
 *   fetched again after `retryEveryMs`.
 * - Keys that were fetched last are kept while the issuer is away, for at most `staleMaxMs`: longer, and a withdrawn key would
 *   count for ever.
 * - A successful fetch replaces all keys: a key that the issuer no longer has is dropped at once, with the tokens that it signed.
 * - A token with an unknown key causes a fetch, because issuers begin to sign with new keys at any time. Anybody can make up such
 *   tokens, so there is at most one such fetch per `retryEveryMs`; calls that come meanwhile wait for the one under way.
 */

/** How often keys are fetched, and how long they are kept. All in milliseconds. */
export interface KeyTimes {
  refreshEveryMs: number;
  /** Least time between two fetches that failures or unknown keys cause. */
  retryEveryMs: number;
  staleMaxMs: number;
}

/** An issuer's outage of a day, and a withdrawn key within five minutes. */
export const KEY_TIMES: KeyTimes = { refreshEveryMs: 300_000, retryEveryMs: 30_000, staleMaxMs: 24 * 3_600_000 };

/** What an issuer's keys are made with. */
export interface IssuerKeysOptions {
  alias: string;
  fetchKeys: () => Promise<FetchedKeys>;
  /** Milliseconds since 1970. */
  now: () => number;
  times?: KeyTimes;
  /** Hears after each fetch what is wrong, in a sentence, or undefined when all is well. */
  onState?: (problem: string | undefined) => void;
}

/** The keys that one successful fetch brought. */
interface KeySet {
  find: ReturnType<typeof createLocalJWKSet>;
  fetchedAt: number;
  /** Equal for equal keys. */
  text: string;
}

type Key = Awaited<ReturnType<KeySet["find"]>>;

/** A key, and the state of the issuer that it was found in: what it verified counts while `isCurrent(state)`. */
export interface FoundKey {
  key: Key;
  state: string;
}

/** The keys of one issuer: they are fetched from `start` on until `stop`. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #times: KeyTimes;
  #keys: KeySet | undefined;
  #fetching: Promise<void> | undefined;
  #begunAt = Number.NEGATIVE_INFINITY;
  #failed = false;
  #isRunning = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
    this.#times = options.times ?? KEY_TIMES;
  }

  /** Begins to fetch the keys, now and then regularly. Does not wait for them: an issuer that is away stops no service. */
  start(): void {
    this.#isRunning = true;
    void this.#refresh();
  }

  /** Ends the regular fetches. */
  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  /**
   * The key that a token's header names. Rejects with `unauthenticated / TOKEN_KEY_UNKNOWN` when the issuer has no such key, with
   * `unavailable / ISSUER_UNAVAILABLE` when that cannot be known now, and with jose's errors for headers of other forms.
   */
  async find(header: JWTHeaderParameters): Promise<FoundKey> {
    if (this.#current() === undefined) await this.#fetchSoon();
    const known = await this.#look(header);
    if (known !== undefined) return known;
    await this.#fetchSoon();
    const fetched = await this.#look(header);
    if (fetched !== undefined) return fetched;
    if (this.#failed) throw this.#toUnavailable("knows no key like that of the token from before");
    throw refuseToken("TOKEN_KEY_UNKNOWN", "the token is signed by a key that its issuer does not have");
  }

  /** Whether what was verified in this state is verified still: no key has changed, and none is too old. */
  isCurrent(state: string): boolean {
    return this.#current()?.text === state;
  }

  async #look(header: JWTHeaderParameters): Promise<FoundKey | undefined> {
    const keys = this.#current();
    if (keys === undefined) throw this.#toUnavailable("has fetched no keys of it yet, or too long ago");
    try {
      return { key: await keys.find(header), state: keys.text };
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw error;
    }
  }

  #current(): KeySet | undefined {
    const age = this.#options.now() - (this.#keys?.fetchedAt ?? Number.NEGATIVE_INFINITY);
    return age <= this.#times.staleMaxMs ? this.#keys : undefined;
  }

  #toUnavailable(why: string): DomainError {
    const message = `the issuer "${this.#options.alias}" does not answer, and this service ${why}; try again`;
    return new DomainError("unavailable", message, {
      reason: "ISSUER_UNAVAILABLE",
      retryAfterMs: this.#times.retryEveryMs,
    });
  }

  async #refresh(): Promise<void> {
    await this.#fetch();
    if (!this.#isRunning) return;
    const { refreshEveryMs, retryEveryMs } = this.#times;
    this.#timer = setTimeout(() => void this.#refresh(), this.#failed ? retryEveryMs : refreshEveryMs);
    this.#timer.unref();
  }

  /** Fetches the keys, unless that was done a moment ago. */
  async #fetchSoon(): Promise<void> {
    if (this.#fetching === undefined && this.#options.now() - this.#begunAt < this.#times.retryEveryMs) return;
    await this.#fetch();
  }

  /** Never rejects. */
  #fetch(): Promise<void> {
    this.#begunAt = this.#fetching === undefined ? this.#options.now() : this.#begunAt;
    this.#fetching ??= this.#fetchNow().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchNow(): Promise<void> {
    const { fetchKeys, now, onState } = this.#options;
    try {
      const { keys, unusable } = await fetchKeys();
      const text = JSON.stringify(keys);
      const isSame = text === this.#keys?.text;
      const set = isSame ? (this.#keys as KeySet) : { text, find: createLocalJWKSet({ keys: [...keys] }) };
      this.#keys = { ...set, fetchedAt: now() };
      this.#failed = false;
      onState?.(
        unusable === 0 ? undefined : `${unusable} of its keys cannot be used: they are unsafe or of other kinds`,
      );
    } catch (error) {
      this.#failed = true;
      onState?.(error instanceof Error ? error.message : String(error));
    }
  }
}
