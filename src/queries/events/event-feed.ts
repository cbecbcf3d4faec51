import { AsyncLocalStorage } from "node:async_hooks";
import { DomainError } from "../../domain/errors.ts";
import type { EventCursor, EventLog, EventStretch, JournalEvent } from "../../domain/journal/event-log.ts";
import { type BackoffPolicy, withBackoff } from "../../domain/limits/backoff.ts";
import { RefusalPace } from "../../domain/limits/refusal-pace.ts";
import { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import { Bell } from "../bell.ts";
import { assertWithin, feedChanged } from "./event-cursor.ts";

/** Limits of watching events, a process. */
export interface FeedLimits {
  /** Watchers at once, and the part of them that one caller may have. */
  watchersMax: number;
  callerShare: number;
  /** How often the database is asked for new events while somebody watches, in milliseconds. */
  pollMs: number;
  /** Entries that one statement of the poll reads. */
  pollEntriesMax: number;
  /** The newest events, which watchers take from memory; whoever is behind them reads the database. */
  recentMax: number;
  /** Entries that a watcher who is behind reads at once, and events that a watcher holds. */
  stretchMax: number;
  /** Watchers who read the database at once; the others wait for their turn. */
  replaysMax: number;
  /** Longest time between two messages to a watcher, in milliseconds. */
  heartbeatMs: number;
}

/** An event takes at most 4 KiB of memory, some 600 bytes mostly; a watcher keeps an HTTP/2 stream and some 20 KiB besides. */
export const FEED_LIMITS: FeedLimits = {
  watchersMax: 500,
  callerShare: 1 / 5,
  pollMs: 50,
  pollEntriesMax: 2000,
  recentMax: 4096,
  stretchMax: 250,
  replaysMax: 2,
  // The API promises 15 s; and a caller whose right is withdrawn is told with the next message.
  heartbeatMs: 5000,
};

/** After a poll the process waits for at least this many times its duration: watching takes a third of one connection. */
const IDLE_SHARE = 2;

/** One who watches. */
export class Watcher {
  readonly namespace: string;
  readonly bell = new Bell();
  /** Why there will be no further event. */
  failure: Error | undefined;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  fail(failure: Error): void {
    this.failure ??= failure;
    this.bell.ring();
  }
}

interface Watched {
  watchers: Set<Watcher>;
  /** All events of the namespace behind this number and behind `#floor` are among the recent ones; undefined before the first poll. */
  since: number | undefined;
}

/**
 * The newest events of the namespaces that somebody watches from this process. One poll asks the database for all watchers. Nothing is
 * queued for anybody: a watcher has a place, and takes what is behind it from here, or from the database where it has fallen behind. So
 * one who reads nothing costs no memory, and hears everything once they read. While the database is away it is asked within the limits of
 * `backoff`; then every watch fails with `unavailable / DATABASE_UNAVAILABLE`.
 */
export class EventFeed {
  readonly limits: FeedLimits;
  readonly #log: EventLog;
  readonly #backoff: BackoffPolicy;
  readonly #limiter: WorkLimiter;
  readonly #replays: WorkLimiter;
  readonly #refusals = new RefusalPace();
  readonly #draining = new AbortController();
  readonly #watched = new Map<string, Watched>();
  /** In the order of their numbers. */
  #recent: JournalEvent[] = [];
  /** Events up to this number may be missing among the recent ones. */
  #floor = 0;
  /** How far the poll has come, and in which feed; undefined while nobody watches. */
  #tail: EventCursor | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Runs its argument outside of all calls: a look is for all who watch, and not for the one who came first. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #isPolling = false;

  constructor(deps: { log: EventLog; backoff: BackoffPolicy; limits: FeedLimits }) {
    const { watchersMax, callerShare, replaysMax } = deps.limits;
    this.#log = deps.log;
    this.#backoff = deps.backoff;
    this.limits = deps.limits;
    this.#limiter = new WorkLimiter("watches of events", { runningMax: watchersMax, waitingMax: 0, callerShare });
    this.#replays = new WorkLimiter("replays of events", { runningMax: replaysMax, waitingMax: watchersMax });
  }

  /** Watchers at this moment. */
  get size(): number {
    return this.#limiter.running;
  }

  /**
   * Begins to watch a namespace, until `leave`; the watcher's bell rings when there is news. `resource_exhausted / OVERLOADED` above the
   * limits, a little later when the caller is refused all the time; `unavailable / SHUTTING_DOWN` while draining.
   */
  async join(
    namespace: string,
    caller: string,
    { signal }: { signal: AbortSignal | undefined },
  ): Promise<{ watcher: Watcher; leave: () => void }> {
    try {
      this.#draining.signal.throwIfAborted();
      const leavePlace = this.#limiter.enterNow(caller);
      const watcher = new Watcher(namespace);
      const watched = this.#watched.get(namespace) ?? { watchers: new Set(), since: undefined };
      this.#watched.set(namespace, watched);
      watched.watchers.add(watcher);
      this.#schedule(0);
      const leave = () => {
        leavePlace();
        this.#leave(watcher, watched);
      };
      return { watcher, leave };
    } catch (error) {
      if (error instanceof DomainError && error.reason === "OVERLOADED")
        await this.#refusals.untilTold(caller, { signal });
      throw error;
    }
  }

  /** Where a watch begins: at a cursor, at the oldest event that is kept ("oldest"), or with what comes next ("newest"). */
  async begin(from: EventCursor | "oldest" | "newest"): Promise<EventCursor> {
    const bounds = await this.#log.bounds();
    const { origin, first, last } = bounds;
    const cursor = typeof from === "object" ? from : { origin, sequence: from === "oldest" ? first - 1 : last };
    assertWithin(cursor, bounds);
    return cursor;
  }

  /**
   * The events of a namespace behind a place, the first ones of them: from memory when it reaches so far back, else from the database, where
   * a caller waits for a turn. `failed_precondition / EVENTS_RESET` when they are not kept any more.
   */
  async read(
    { namespace }: Watcher,
    { origin, sequence: after }: EventCursor,
    options: { caller: string; signal: AbortSignal | undefined },
  ): Promise<Omit<EventStretch, "first">> {
    const recent = this.#readRecent(namespace, { origin, sequence: after });
    if (recent !== undefined) return recent;
    return await this.#replays.run(
      options.caller,
      async () => {
        const bounds = await this.#log.bounds();
        const place = { origin, sequence: after };
        assertWithin(place, bounds);
        const limit = this.limits.stretchMax;
        const stretch = await this.#log.read({ namespace, after, through: bounds.last, limit });
        assertWithin(place, { ...bounds, first: stretch.first });
        return stretch;
      },
      { signal: options.signal },
    );
  }

  /** Admits nobody any more, and ends every watch: another replica serves as well. */
  drain(): void {
    clearTimeout(this.#timer);
    this.#draining.abort(toShuttingDown());
    this.#failAll(this.#draining.signal.reason);
  }

  #readRecent(namespace: string, { origin, sequence: after }: EventCursor): Omit<EventStretch, "first"> | undefined {
    const since = this.#watched.get(namespace)?.since;
    const tail = this.#tail;
    if (since === undefined || tail === undefined || tail.origin !== origin) return undefined;
    if (after < since || after < this.#floor) return undefined;
    const events: JournalEvent[] = [];
    for (let i = findBehind(this.#recent, after); i < this.#recent.length; i++) {
      const event = this.#recent[i] as JournalEvent;
      if (event.namespace !== namespace) continue;
      if (events.length === this.limits.stretchMax)
        return { events, through: (events.at(-1) as JournalEvent).sequence };
      events.push(event);
    }
    // The database may have told a watcher of more than the poll has seen yet.
    return { events, through: Math.max(after, tail.sequence) };
  }

  #leave(watcher: Watcher, watched: Watched): void {
    watched.watchers.delete(watcher);
    if (watched.watchers.size > 0) return;
    this.#watched.delete(watcher.namespace);
    if (this.#watched.size > 0) return;
    // Whoever comes next begins anew, however long after.
    clearTimeout(this.#timer);
    this.#forget();
  }

  #forget(): void {
    this.#recent = [];
    this.#tail = undefined;
    for (const watched of this.#watched.values()) watched.since = undefined;
  }

  #schedule(waitMs: number): void {
    if (this.#isPolling || this.#draining.signal.aborted || this.#watched.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#outside(() => this.#poll()), waitMs);
  }

  /** Never rejects. */
  async #poll(): Promise<void> {
    this.#isPolling = true;
    const beganAt = performance.now();
    let isBehind = false;
    try {
      isBehind = await withBackoff(this.#backoff, () => this.#readNew(), {
        isRetryable: (error) => error instanceof DomainError && error.code === "unavailable",
        signal: this.#draining.signal,
      });
    } catch (error) {
      this.#forget();
      this.#failAll(error instanceof Error ? error : new Error("the events could not be read", { cause: error }));
    }
    this.#isPolling = false;
    const { pollMs } = this.limits;
    this.#schedule(isBehind ? 0 : Math.max(pollMs, IDLE_SHARE * (performance.now() - beganAt)));
  }

  /** Takes what is new; returns whether there is more of it. */
  async #readNew(): Promise<boolean> {
    const { origin, last } = await this.#log.bounds();
    if (this.#tail !== undefined && this.#tail.origin !== origin) throw feedChanged();
    // The last watcher may have left meanwhile: the next one begins anew.
    if (this.#watched.size === 0) return false;
    this.#tail ??= this.#beginAt({ origin, sequence: last });
    const after = this.#tail.sequence;
    for (const watched of this.#watched.values()) {
      if (watched.since !== undefined) continue;
      watched.since = after;
      // They may have read the database before this number was given.
      for (const { bell } of watched.watchers) bell.ring();
    }
    if (last <= after) return false;
    const namespaces = [...this.#watched.keys()];
    const limit = this.limits.pollEntriesMax;
    const { events, through, first } = await this.#log.readAll({ namespaces, after, through: last, limit });
    // Meanwhile the last watcher may have left, and the next one may have come.
    if (this.#tail?.sequence !== after) return false;
    // A watcher whose place is before the dropped events then reads the database, and is refused there.
    this.#floor = Math.max(this.#floor, first - 1);
    for (const event of events) this.#recent.push(event);
    const dropped = this.#recent.splice(0, Math.max(0, this.#recent.length - this.limits.recentMax)).at(-1);
    if (dropped !== undefined) this.#floor = dropped.sequence;
    this.#tail = { origin, sequence: through };
    for (const namespace of new Set(events.map((event) => event.namespace))) {
      for (const { bell } of this.#watched.get(namespace)?.watchers ?? []) bell.ring();
    }
    return through < last;
  }

  #beginAt(cursor: EventCursor): EventCursor {
    this.#floor = cursor.sequence;
    return cursor;
  }

  #failAll(failure: Error): void {
    for (const { watchers } of this.#watched.values()) for (const watcher of watchers) watcher.fail(failure);
  }
}

/** The index of the first event behind a number. */
function findBehind(events: readonly JournalEvent[], after: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as JournalEvent).sequence > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

function toShuttingDown(): DomainError {
  return new DomainError("unavailable", "this server is shutting down; watch the events on another", {
    reason: "SHUTTING_DOWN",
    retryAfterMs: 0,
  });
}
