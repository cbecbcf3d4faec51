import { DomainError } from "../domain/errors.ts";

/** How many searches a process makes. */
export interface SearchLimits {
  /** Searches in the database at once. */
  runningMax: number;
  /** Searches that wait for one of these to end. */
  waitingMax: number;
}

/**
 * Searches have three of a worker's ten connections for queries (POOL_LIMITS_DEFAULT), so that however many are asked for, a
 * file is still found by its path at once. A worker has one core: more searches at once only take turns at it, and all of
 * them end later (measured at 300/s by two workers: p99 59 ms with three, 73 with four, 95 with six). Those that wait are
 * about as many as are answered in a second.
 */
export const SEARCH_LIMITS: SearchLimits = { runningMax: 3, waitingMax: 200 };

const RETRY_MS = 1000;

/** The searches of a process: bounded, first come first served. */
export class SearchSeats {
  readonly #limits: SearchLimits;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(limits: SearchLimits) {
    this.#limits = limits;
  }

  /**
   * Runs a search when one of those before has ended. `resource_exhausted / OVERLOADED` when too many wait already; rejects
   * with the signal's reason when that is aborted before its turn.
   */
  async run<T>(search: () => Promise<T>, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<T> {
    await this.#take(signal);
    try {
      return await search();
    } finally {
      this.#release();
    }
  }

  async #take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { runningMax, waitingMax } = this.#limits;
    if (this.#running < runningMax) {
      this.#running++;
      return;
    }
    if (this.#waiting.size >= waitingMax) throw overloaded(this.#limits);
    await new Promise<void>((resolve, reject) => {
      const take = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(take);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.add(take);
    });
  }

  /** The seat goes to whoever has waited longest. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

function overloaded({ runningMax, waitingMax }: SearchLimits): DomainError {
  const message = `${runningMax} searches are made here and ${waitingMax} wait, the most at once; try again`;
  return new DomainError("resource_exhausted", message, {
    reason: "OVERLOADED",
    details: { searches_running_max: runningMax, searches_waiting_max: waitingMax },
    retryAfterMs: RETRY_MS,
  });
}
