import type { NewEntry, RecordOptions } from "../domain/journal/new-entry.ts";
import type { EntryQueue } from "./entry-queue.ts";

/** How much is summed. */
export interface SumLimits {
  /** How long calls of one kind are summed, in milliseconds. */
  windowMs: number;
  /** Kinds of calls that are summed at once. */
  kindsMax: number;
  /** The part of them that one caller may have, above 0 and at most 1. */
  callerShare: number;
}

/** A kind has some hundred bytes, and two or three KiB at most: 30 MiB. */
export const SUM_LIMITS: SumLimits = { windowMs: 10_000, kindsMax: 10_000, callerShare: 1 / 4 };

interface Sum {
  /** What the entry will say; its `times` are those that are not entered yet. */
  readonly entry: NewEntry;
  times: number;
  readonly endsAt: number;
  /** The first entry, while it is on its way. */
  first: Promise<void> | undefined;
}

/**
 * Records what happens and changes nothing. Calls of one kind (who, from where, what, of which resource, with which outcome) are
 * summed for ten seconds. Where an answer has to wait for its entry, the first call of a kind is entered by itself; the others of
 * these ten seconds wait for that entry as well, and are summed behind it. So whatever happens to the process, the journal says
 * that it happened within these seconds; how often is lost with the process.
 */
export class JournalRecorder {
  readonly #queue: EntryQueue;
  readonly #limits: SumLimits;
  readonly #now: () => number;
  /** In the order in which they end. */
  readonly #sums = new Map<string, Sum>();
  /** How many kinds of each caller are summed. */
  readonly #callers = new Map<string, number>();

  /** `now` counts milliseconds and never goes back. */
  constructor(queue: EntryQueue, { limits = SUM_LIMITS, now = () => performance.now() } = {}) {
    this.#queue = queue;
    this.#limits = limits;
    this.#now = now;
  }

  /** How many kinds of calls are being summed. */
  get size(): number {
    return this.#sums.size;
  }

  /** See `RecordEntry`. */
  record(entry: NewEntry, { isSummed, isRequired }: RecordOptions): Promise<void> | undefined {
    if (isSummed) return this.#sum(entry, isRequired);
    return this.#enter(entry, isRequired);
  }

  /** Enters what was summed for long enough, and writes all that waits. Rejects as `EntryQueue.flush` does. */
  async flush(): Promise<void> {
    const now = this.#now();
    for (const [kind, sum] of this.#sums) {
      if (sum.endsAt > now) break;
      this.#end(kind, sum);
    }
    await this.#queue.flush();
  }

  /** Enters and writes everything, also what could still be summed. Rejects as `EntryQueue.flush` does. */
  async drain(): Promise<void> {
    for (const [kind, sum] of this.#sums) this.#end(kind, sum);
    await this.#queue.flush();
  }

  #enter(entry: NewEntry, isRequired: boolean): Promise<void> | undefined {
    if (isRequired) return this.#queue.enter(entry);
    this.#queue.keep(entry);
    return undefined;
  }

  #sum(entry: NewEntry, isRequired: boolean): Promise<void> | undefined {
    const kind = toKind(entry, isRequired);
    const sum = this.#sums.get(kind);
    if (sum !== undefined) {
      sum.times += entry.times;
      return sum.first;
    }
    if (this.#hasRoom(entry)) return this.#begin(kind, { entry, isRequired });
    if (isRequired || this.#sums.size >= 2 * this.#limits.kindsMax) return this.#enter(entry, isRequired);
    const coarse = toCoarse(entry);
    const coarseKind = toKind(coarse, isRequired);
    const coarseSum = this.#sums.get(coarseKind);
    if (coarseSum === undefined) return this.#begin(coarseKind, { entry: coarse, isRequired });
    coarseSum.times += entry.times;
    return undefined;
  }

  #hasRoom({ actor }: NewEntry): boolean {
    const { kindsMax, callerShare } = this.#limits;
    return this.#sums.size < kindsMax && (this.#callers.get(actor.principal) ?? 0) < kindsMax * callerShare;
  }

  #begin(kind: string, { entry, isRequired }: { entry: NewEntry; isRequired: boolean }): Promise<void> | undefined {
    const sum: Sum = { entry, times: entry.times, endsAt: this.#now() + this.#limits.windowMs, first: undefined };
    this.#sums.set(kind, sum);
    const { principal } = entry.actor;
    this.#callers.set(principal, (this.#callers.get(principal) ?? 0) + 1);
    if (!isRequired) return undefined;
    sum.times = 0;
    const first = this.#queue.enter(entry);
    sum.first = first;
    first.then(
      () => {
        sum.first = undefined;
      },
      // Those who waited were refused, and read nothing.
      () => this.#remove(kind, sum),
    );
    return first;
  }

  #end(kind: string, sum: Sum): void {
    this.#remove(kind, sum);
    if (sum.times > 0) this.#queue.keep({ ...sum.entry, times: sum.times });
  }

  #remove(kind: string, sum: Sum): void {
    if (this.#sums.get(kind) !== sum) return;
    this.#sums.delete(kind);
    const { principal } = sum.entry.actor;
    const count = (this.#callers.get(principal) ?? 1) - 1;
    if (count === 0) this.#callers.delete(principal);
    else this.#callers.set(principal, count);
  }
}

/** The entry of all calls of a caller that have no room for sums of their own: it says what they did, not to what. */
function toCoarse({ actor, resource, ...entry }: NewEntry): NewEntry {
  const { principal, tokenKind } = actor;
  return { ...entry, path: "", dataSubject: "", resource: { kind: resource.kind }, actor: { principal, tokenKind } };
}

/** Everything that two entries have to have in common to be summed. */
function toKind({ actor, resource, ...entry }: NewEntry, isRequired: boolean): string {
  const { principal, tokenKind, tokenId = "", session = "", address = "" } = actor;
  const { kind, id = "", generation = "" } = resource;
  return `${isRequired}\0${entry.namespace}\0${principal}\0${tokenKind}\0${tokenId}\0${session}\0${address}\0${entry.action}\0${kind}\0${id}\0${generation}\0${entry.outcome}\0${entry.path}`;
}
