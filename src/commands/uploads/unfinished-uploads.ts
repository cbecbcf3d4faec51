import { DomainError } from "../../domain/errors.ts";
import { shareOf } from "../../domain/limits/work-limiter.ts";

/** Counts unfinished uploads, up to `limit` in all: how many there are, and how many of those are the caller's. */
export type CountUnfinished = (caller: string, options: { limit: number }) => Promise<{ all: number; own: number }>;

/** How many more a caller may create before the uploads are counted again, as a part of the bound. */
const UNCOUNTED_SHARE = 1 / 100;
/** For how long a caller who was refused is refused without another count, in milliseconds. */
const REFUSAL_MS = 1000;
/** Callers that are remembered; the uploads of a forgotten caller are counted again when that caller comes back. */
const CALLERS_MAX = 10_000;

interface CallerCreations {
  /** How many more it may create without a count. */
  left: number;
  refusedUntil: number;
  counting: Promise<void> | undefined;
}

/**
 * Bounds the uploads that were created and have not ended: each is a row until it expires, whether bytes come or not. One
 * caller may have all but an eighth. They are counted in the database, with the first creation of a caller and then after
 * every hundredth part of the bound: so each process may let the count be passed by as many, and counting costs a creation
 * next to nothing.
 */
export class UnfinishedUploads {
  readonly #count: CountUnfinished;
  readonly #uploadsMax: number;
  readonly #now: () => number;
  /** The caller that came longest ago is first. */
  readonly #callers = new Map<string, CallerCreations>();

  /** `now` in milliseconds, for tests. */
  constructor(
    count: CountUnfinished,
    { uploadsMax, now = () => performance.now() }: { uploadsMax: number; now?: () => number },
  ) {
    this.#count = count;
    this.#uploadsMax = uploadsMax;
    this.#now = now;
  }

  /** Lets a caller create one more; `resource_exhausted / OVERLOADED` above the bound. Rejects as counting does. */
  async admit(caller: string): Promise<void> {
    const creations = this.#callers.get(caller) ?? {
      left: 0,
      refusedUntil: Number.NEGATIVE_INFINITY,
      counting: undefined,
    };
    this.#callers.delete(caller);
    this.#callers.set(caller, creations);
    if (this.#callers.size > CALLERS_MAX) this.#callers.delete(this.#callers.keys().next().value as string);
    while (creations.left === 0 && this.#now() >= creations.refusedUntil) {
      creations.counting ??= this.#recount(caller, creations).finally(() => {
        creations.counting = undefined;
      });
      await creations.counting;
    }
    if (creations.left === 0) throw toTooMany(this.#uploadsMax);
    creations.left--;
  }

  async #recount(caller: string, creations: CallerCreations): Promise<void> {
    const { all, own } = await this.#count(caller, { limit: this.#uploadsMax });
    const free = Math.min(this.#uploadsMax - all, shareOf(this.#uploadsMax) - own);
    creations.left = Math.max(0, Math.min(free, Math.ceil(this.#uploadsMax * UNCOUNTED_SHARE)));
    if (creations.left === 0) creations.refusedUntil = this.#now() + REFUSAL_MS;
  }
}

function toTooMany(uploadsMax: number): DomainError {
  const message = `there are too many unfinished uploads, of you or in all: the limit is ${uploadsMax}, and ${shareOf(uploadsMax)} for one caller; complete or abort some of them, then create others`;
  return new DomainError("resource_exhausted", message, {
    reason: "OVERLOADED",
    details: { unfinished_uploads_max: uploadsMax, unfinished_uploads_of_caller_max: shareOf(uploadsMax) },
    retryAfterMs: REFUSAL_MS,
  });
}
