import type { DomainError } from "../errors.ts";
import { RefusalPace } from "../limits/refusal-pace.ts";
import { type Loan, RATE_KEYS_MAX, type RequestLender, type RequestRate } from "../limits/request-lender.ts";
import type { Namespace } from "./namespace.ts";
import { requestsExceeded } from "./quotas.ts";

/** Requests that were lent and have not come are given back after this, in milliseconds: another worker may need them. */
const LOAN_MS = 200;

interface Entry {
  rate: RequestRate;
  /** Requests that were lent and have not come. */
  spare: number;
  timer: NodeJS.Timeout | undefined;
  refusedUntil: number;
  /** Requests that wait, for the answer to a question or to be asked for. */
  waiting: number;
  asking: Promise<void> | undefined;
}

/**
 * The quotas of requests a second, as one worker keeps them: it borrows requests of each quota in batches and answers from those.
 * So a worker asks seldom, and while it keeps a batch, for LOAN_MS at most, the other workers have so many requests less. Memory
 * is bounded: of RATE_KEYS_MAX quotas the one that was used longest ago is forgotten, with its batch.
 */
export class RequestQuotas {
  readonly #lender: RequestLender;
  readonly #now: () => number;
  readonly #refusals: RefusalPace;
  /** The quota that was used longest ago is first. */
  readonly #entries = new Map<string, Entry>();

  /** `now` in milliseconds, for tests. */
  constructor(lender: RequestLender, { now = () => performance.now() } = {}) {
    this.#lender = lender;
    this.#now = now;
    this.#refusals = new RefusalPace({ now });
  }

  /**
   * Counts one request of a principal; undefined, or a promise that resolves, when it may be answered. Rejects with
   * `resource_exhausted / QUOTA_REQUESTS`, a little later when the principal is refused all the time. The principal's own quota
   * comes first: a request that it refuses takes nothing of what all have.
   */
  admit(namespace: Namespace, principal: string, options: { signal?: AbortSignal } = {}): Promise<void> | undefined {
    const { requestsPerSecondMax: ofAll, principalRequestsPerSecondMax: ofOne } = namespace;
    if (ofAll === undefined && ofOne === undefined) return undefined;
    return this.#admit(namespace, principal, options);
  }

  async #admit(namespace: Namespace, principal: string, { signal }: { signal?: AbortSignal }): Promise<void> {
    const { name, requestsPerSecondMax: ofAll, principalRequestsPerSecondMax: ofOne } = namespace;
    const subject = { namespace: name, principal };
    const own = ofOne === undefined ? undefined : this.#entry({ key: `${name}/${principal}`, perSecond: ofOne });
    const refuse = async (refusal: DomainError) => {
      await this.#refusals.untilTold(principal, { signal });
      throw refusal;
    };
    if (own !== undefined) {
      const retryAfterMs = await this.#take(own);
      const key = "principalRequestsPerSecondMax";
      if (retryAfterMs > 0) await refuse(requestsExceeded(subject, { key, max: own.rate.perSecond, retryAfterMs }));
    }
    if (ofAll === undefined) return;
    const retryAfterMs = await this.#take(this.#entry({ key: name, perSecond: ofAll }));
    if (retryAfterMs === 0) return;
    if (own !== undefined) this.#keep(own, 1);
    await refuse(requestsExceeded(subject, { key: "requestsPerSecondMax", max: ofAll, retryAfterMs }));
  }

  #entry(rate: RequestRate): Entry {
    const found = this.#entries.get(rate.key);
    const fresh = {
      rate,
      spare: 0,
      timer: undefined,
      refusedUntil: Number.NEGATIVE_INFINITY,
      waiting: 0,
      asking: undefined,
    };
    const isSame = found?.rate.perSecond === rate.perSecond;
    const entry = isSame ? found : fresh;
    if (found !== undefined && !isSame) this.#giveBack(found);
    this.#entries.delete(rate.key);
    this.#entries.set(rate.key, entry);
    if (this.#entries.size > RATE_KEYS_MAX) this.#forget(this.#entries.values().next().value as Entry);
    return entry;
  }

  /** Takes one request; returns 0, or after how many milliseconds there may be one. */
  async #take(entry: Entry): Promise<number> {
    while (entry.spare === 0) {
      const waitMs = entry.refusedUntil - this.#now();
      if (waitMs > 0) return waitMs;
      entry.waiting++;
      entry.asking ??= this.#ask(entry).finally(() => {
        entry.asking = undefined;
      });
      await entry.asking;
      entry.waiting--;
    }
    entry.spare--;
    return 0;
  }

  async #ask(entry: Entry): Promise<void> {
    const { rate } = entry;
    // Those who come in this turn of the event loop are asked for together.
    await undefined;
    const countMax = Math.max(entry.waiting, this.#lender.batchOf(rate.perSecond));
    const loan: Loan = await this.#lender.lend(rate, countMax);
    if (loan.waitMs > 0) entry.refusedUntil = this.#now() + loan.waitMs;
    clearTimeout(entry.timer);
    entry.timer = undefined;
    this.#keep(entry, loan.count);
  }

  /** Keeps requests for those who come; none stays longer than LOAN_MS after the last loan. */
  #keep(entry: Entry, count: number): void {
    entry.spare += count;
    entry.timer ??= setTimeout(() => this.#giveBack(entry), LOAN_MS);
    entry.timer.unref();
  }

  #giveBack(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = undefined;
    if (entry.spare > 0) this.#lender.giveBack(entry.rate, entry.spare);
    entry.spare = 0;
  }

  #forget(entry: Entry): void {
    this.#giveBack(entry);
    this.#entries.delete(entry.rate.key);
  }
}
