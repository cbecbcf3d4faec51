import { SERVICE_ACTOR } from "../domain/deed.ts";
import { DomainError } from "../domain/errors.ts";
import type { JournalWriter, NewEntry } from "../domain/journal/new-entry.ts";

/** How much may wait to be written into the journal. */
export interface QueueLimits {
  /** Entries that wait, in all. */
  entriesMax: number;
  /** The part of them that one caller may have, above 0 and at most 1. */
  callerShare: number;
  /** Entries that one statement writes. */
  batchMax: number;
}

/** An entry has some hundred bytes, and 1,500 at most: 15 MiB. A batch of 500 is written in about ten milliseconds. */
export const QUEUE_LIMITS: QueueLimits = { entriesMax: 10_000, callerShare: 1 / 4, batchMax: 500 };
/** When a caller may try again after entries could not be written, in milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Somebody whose answer waits until the entry is committed. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: DomainError) => void;
}

interface Queued {
  readonly entry: NewEntry;
  readonly waiter?: Waiter;
}

/**
 * Entries on their way into the journal, in bounded memory. They are written in batches, one after the other: what comes while a
 * batch is under way is the next one. Entries for which somebody waits go first, and fail with their batch; all others are kept
 * until they are written. What finds no room is counted, and the number becomes an entry as soon as there is room again.
 */
export class EntryQueue {
  readonly #writer: JournalWriter;
  readonly #limits: QueueLimits;
  readonly #now: () => Date;
  readonly #onLost: (error: unknown) => void;
  #awaited: Queued[] = [];
  #kept: Queued[] = [];
  #size = 0;
  /** The size, by caller. */
  readonly #callers = new Map<string, number>();
  /** What found no room, by namespace. */
  readonly #omitted = new Map<string, number>();
  #writing: Promise<void> | undefined;
  #isFailing = false;

  /** `onLost` hears why an entry could not be written, and never can be. */
  constructor(
    writer: JournalWriter,
    options: { limits?: QueueLimits; now?: () => Date; onLost?: (error: unknown) => void } = {},
  ) {
    this.#writer = writer;
    this.#limits = options.limits ?? QUEUE_LIMITS;
    this.#now = options.now ?? (() => new Date());
    this.#onLost = options.onLost ?? (() => {});
  }

  /** How many entries wait or are being written. */
  get size(): number {
    return this.#size;
  }

  /** Keeps an entry until it is written; one that finds no room is counted as omitted. */
  keep(entry: NewEntry): void {
    if (!this.#hasRoom(entry)) {
      this.#omit(entry);
      return;
    }
    this.#count(entry, 1);
    this.#kept.push({ entry });
    if (this.#kept.length >= this.#limits.batchMax && !this.#isFailing) this.#write().catch(() => {});
  }

  /** Resolves when the entry is committed. Rejects with `unavailable / AUDIT_UNAVAILABLE` when that cannot be. */
  enter(entry: NewEntry): Promise<void> {
    if (!this.#hasRoom(entry)) return Promise.reject(toUnavailable(undefined));
    this.#count(entry, 1);
    return new Promise<void>((resolve, reject) => {
      this.#awaited.push({ entry, waiter: { resolve, reject } });
      // The waiters hear of a failure themselves.
      this.#write().catch(() => {});
    });
  }

  /** Writes all that waits. Rejects as `JournalWriter.enter` does; what was not written is kept. */
  async flush(): Promise<void> {
    await this.#write();
  }

  #hasRoom({ actor }: NewEntry): boolean {
    const { entriesMax, callerShare } = this.#limits;
    return this.#size < entriesMax && (this.#callers.get(actor.principal) ?? 0) < entriesMax * callerShare;
  }

  #count({ actor }: NewEntry, change: 1 | -1): void {
    this.#size += change;
    const count = (this.#callers.get(actor.principal) ?? 0) + change;
    if (count === 0) this.#callers.delete(actor.principal);
    else this.#callers.set(actor.principal, count);
  }

  #omit({ namespace, times }: NewEntry): void {
    this.#omitted.set(namespace, (this.#omitted.get(namespace) ?? 0) + times);
  }

  #write(): Promise<void> {
    if (this.#writing === undefined && !this.#hasWork()) return Promise.resolve();
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  #hasWork(): boolean {
    return this.#awaited.length + this.#kept.length + this.#omitted.size > 0;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#hasWork()) await this.#writeBatch();
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeBatch(): Promise<void> {
    const { batchMax } = this.#limits;
    const awaited = this.#awaited.splice(0, batchMax);
    const kept = this.#kept.splice(0, batchMax - awaited.length);
    const omitted = [...this.#omitted].map(([namespace, times]) => toOmitted(namespace, times, this.#now()));
    this.#omitted.clear();
    const taken = [...awaited, ...kept];
    try {
      await this.#enter([...taken, ...omitted.map((entry) => ({ entry }))]);
      for (const { entry } of taken) this.#count(entry, -1);
      this.#isFailing = false;
    } catch (error) {
      this.#isFailing = true;
      this.#kept = [...kept, ...this.#kept];
      for (const entry of omitted) this.#omit(entry);
      // Those who came meanwhile have waited as long for the same verdict.
      for (const { entry, waiter } of [...awaited, ...this.#awaited.splice(0)]) {
        this.#count(entry, -1);
        waiter?.reject(toUnavailable(error));
      }
      throw error;
    }
  }

  /** Writes entries; an entry that cannot be written at all is given up, and does not keep the others from it. */
  async #enter(batch: readonly Queued[]): Promise<void> {
    try {
      await this.#writer.enter(batch.map(({ entry }) => entry));
    } catch (error) {
      if (error instanceof DomainError) throw error;
      if (batch.length === 1) return this.#lose(batch[0] as Queued, error);
      const middle = Math.ceil(batch.length / 2);
      await this.#enter(batch.slice(0, middle));
      await this.#enter(batch.slice(middle));
      return;
    }
    for (const { waiter } of batch) waiter?.resolve();
  }

  #lose({ waiter }: Queued, error: unknown): void {
    this.#onLost(error);
    waiter?.reject(toUnavailable(error));
  }
}

/** The entry that says how many others found no room. */
function toOmitted(namespace: string, times: number, time: Date): NewEntry {
  const resource = { kind: namespace === "" ? "service" : "namespace" } as const;
  return {
    ...{ namespace, action: "OmitEntries", outcome: "done", resource, actor: SERVICE_ACTOR },
    ...{ path: "", dataSubject: "", time, times },
  };
}

function toUnavailable(cause: unknown): DomainError {
  const message =
    "the namespace gives no answer that its journal does not say, and the journal cannot be written; try again shortly";
  return new DomainError("unavailable", message, { reason: "AUDIT_UNAVAILABLE", retryAfterMs: RETRY_AFTER_MS, cause });
}
