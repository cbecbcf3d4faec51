import { DomainError } from "../errors.ts";
import { RefusalPace } from "./refusal-pace.ts";

/** What one class of work may take of a process. */
export interface WorkLimits {
  /** How much of it runs at once. */
  runningMax: number;
  /** How much of it waits for its turn; more is refused. 0: what cannot run at once is refused. */
  waitingMax: number;
  /** The part of both numbers that one caller may have, above 0 and at most 1; seven eighths when left out. */
  callerShare?: number;
}

/** Ends one piece of work; further calls do nothing. */
export type Leave = () => void;

/** The most that one caller alone gets: the rest is there for another caller, however busy the first one is. */
const CALLER_SHARE = 7 / 8;
const RETRY_MS = 1000;

/** A piece of work that waits. */
interface Waiter {
  take(): void;
  /** Gives its place to another caller. */
  displace(): void;
}

interface CallerWork {
  running: number;
  /** In the order they came. */
  waiting: Set<Waiter>;
}

/**
 * Bounds one class of work of this process: how much runs, how much waits, and what share of both one caller may have. Turns go
 * round among the callers who wait, so that a caller with a hundred requests does not stand a hundred places before another's
 * single one. Where no more can wait, a caller with little waiting takes the place of the newest work of the caller with the most.
 * Within a caller, the first to come is the first served. A caller is whatever string tells callers apart: a
 * principal, or an address before anybody is known.
 */
export class WorkLimiter {
  readonly limits: WorkLimits;
  readonly #work: string;
  readonly #runningPerCallerMax: number;
  readonly #waitingPerCallerMax: number;
  readonly #refusals = new RefusalPace();
  /** The callers that have work running or waiting; the first one that waits is next. */
  readonly #callers = new Map<string, CallerWork>();
  #running = 0;
  #waiting = 0;

  /** `work` is a noun in the plural for messages, for instance "searches". */
  constructor(work: string, limits: WorkLimits) {
    this.#work = work;
    this.limits = limits;
    const { runningMax, waitingMax, callerShare } = limits;
    this.#runningPerCallerMax = shareOf(runningMax, callerShare);
    this.#waitingPerCallerMax = shareOf(waitingMax, callerShare);
  }

  /** How much runs now. */
  get running(): number {
    return this.#running;
  }

  /** How much of one caller's work runs now. */
  runningOf(caller: string): number {
    return this.#callers.get(caller)?.running ?? 0;
  }

  /** Whether a caller's share lets it run more, be there a place or not. */
  allows(caller: string): boolean {
    return this.runningOf(caller) < this.#runningPerCallerMax;
  }

  /** Starts a piece of work if that may run at once; undefined where it would have to wait. */
  tryEnter(caller: string): Leave | undefined {
    const entry = this.#callers.get(caller) ?? { running: 0, waiting: new Set() };
    if (this.#running >= this.limits.runningMax || entry.running >= this.#runningPerCallerMax) return undefined;
    this.#callers.set(caller, entry);
    return this.#start(caller, entry);
  }

  /** As `tryEnter`, but throws `resource_exhausted / OVERLOADED` where the work would have to wait. */
  enterNow(caller: string): Leave {
    const leave = this.tryEnter(caller);
    if (leave !== undefined) return leave;
    throw this.#running >= this.limits.runningMax ? this.#overloaded() : this.#overShare();
  }

  /**
   * Starts a piece of work when its turn comes. `resource_exhausted / OVERLOADED` when too much waits already, in all or of
   * this caller, and a little later when the caller is refused all the time; rejects with the signal's reason when that is aborted first.
   */
  async enter(caller: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Leave> {
    signal?.throwIfAborted();
    return this.tryEnter(caller) ?? (await this.#wait(caller, signal));
  }

  /** Runs a piece of work when its turn comes. Errors as of `enter`. */
  async run<T>(caller: string, work: () => Promise<T>, options: { signal?: AbortSignal | undefined } = {}): Promise<T> {
    options.signal?.throwIfAborted();
    // Without a wait where none is due: most work finds its place free.
    const leave = this.tryEnter(caller) ?? (await this.#wait(caller, options.signal));
    try {
      return await work();
    } finally {
      leave();
    }
  }

  async #wait(caller: string, signal: AbortSignal | undefined): Promise<Leave> {
    const { runningMax, waitingMax } = this.limits;
    const isFull = waitingMax === 0 ? this.#running >= runningMax : this.#waiting >= waitingMax;
    const entry = this.#callers.get(caller) ?? { running: 0, waiting: new Set() };
    const isOverShare = entry.waiting.size >= this.#waitingPerCallerMax;
    if (isOverShare || (isFull && !this.#makeRoomFor(entry))) {
      const refusal = isFull ? this.#overloaded() : this.#overShare();
      await this.#refusals.untilTold(caller, { signal });
      throw refusal;
    }
    this.#callers.set(caller, entry);
    return await new Promise((resolve, reject) => {
      const leaveLine = () => {
        signal?.removeEventListener("abort", giveUp);
        this.#removeWaiting(entry, waiter);
      };
      const giveUp = () => {
        leaveLine();
        this.#forgetIdle(caller, entry);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        take: () => {
          leaveLine();
          resolve(this.#start(caller, entry));
        },
        displace: () => {
          leaveLine();
          const refuse = () => reject(this.#overloaded());
          this.#refusals.untilTold(caller, { signal }).then(refuse, reject);
        },
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      entry.waiting.add(waiter);
      this.#waiting++;
    });
  }

  /** Displaces the newest work of the caller who has the most waiting, if that is more than `entry` would then have. */
  #makeRoomFor(entry: CallerWork): boolean {
    let most: CallerWork = entry;
    for (const one of this.#callers.values()) if (one.waiting.size > most.waiting.size) most = one;
    if (most.waiting.size <= entry.waiting.size + 1) return false;
    [...most.waiting].at(-1)?.displace();
    return true;
  }

  #start(caller: string, entry: CallerWork): Leave {
    entry.running++;
    this.#running++;
    let isRunning = true;
    return () => {
      if (!isRunning) return;
      isRunning = false;
      entry.running--;
      this.#running--;
      this.#forgetIdle(caller, entry);
      this.#serve();
    };
  }

  /** Lets those run whose turn it is. Whoever had a turn goes to the end of the round. */
  #serve(): void {
    if (this.#waiting === 0) return;
    for (const [caller, entry] of this.#callers) {
      if (this.#running >= this.limits.runningMax) return;
      const [waiter] = entry.waiting;
      if (waiter === undefined || entry.running >= this.#runningPerCallerMax) continue;
      this.#callers.delete(caller);
      this.#callers.set(caller, entry);
      waiter.take();
    }
  }

  #removeWaiting(entry: CallerWork, waiter: Waiter): void {
    if (entry.waiting.delete(waiter)) this.#waiting--;
  }

  #forgetIdle(caller: string, entry: CallerWork): void {
    if (entry.running === 0 && entry.waiting.size === 0) this.#callers.delete(caller);
  }

  #overloaded(): DomainError {
    const { runningMax, waitingMax } = this.limits;
    const waiting = waitingMax === 0 ? "" : ` and ${waitingMax} wait`;
    return this.#refusal(`${runningMax} ${this.#work} run here${waiting}, the most at once; try again`);
  }

  #overShare(): DomainError {
    const { waitingMax } = this.limits;
    const [state, max] =
      waitingMax === 0 ? ["running", this.#runningPerCallerMax] : ["waiting", this.#waitingPerCallerMax];
    const message = `you have ${max} ${this.#work} ${state} here, the most for one caller; let some of them end, then try again`;
    return this.#refusal(message);
  }

  #refusal(message: string): DomainError {
    const { runningMax, waitingMax } = this.limits;
    return new DomainError("resource_exhausted", message, {
      reason: "OVERLOADED",
      details: { work: this.#work, running_max: runningMax, waiting_max: waitingMax },
      retryAfterMs: RETRY_MS,
    });
  }
}

/** How many of so many places one caller may have: at least one where there is any. */
export function shareOf(places: number, callerShare = CALLER_SHARE): number {
  return Math.ceil(places * callerShare);
}
