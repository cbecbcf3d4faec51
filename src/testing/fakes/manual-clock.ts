import { AsyncLocalStorage } from "node:async_hooks";

interface ManualTimer {
  delayMs: number;
  /** Its time on the manual clock; undefined when the timer neither waits nor may fire. */
  firesAt: number | undefined;
  callback: () => void;
}

/**
 * Timers that fire when a test says that time has passed, `refresh` included (node:test's mocked timers ignore it). Takes
 * the place of the global `setTimeout` and `clearTimeout` between `install` and `uninstall`, for code that runs because of
 * the test: code that an earlier test has left running in the background keeps the real timers.
 */
export class ManualClock {
  readonly #timers = new Set<ManualTimer>();
  readonly #real = { setTimeout, clearTimeout };
  readonly #scope = new AsyncLocalStorage<boolean>();
  #now = 0;

  install(): void {
    this.#scope.enterWith(true);
    const set = (callback: () => void, delayMs = 0) => {
      if (this.#scope.getStore() !== true) return this.#real.setTimeout(callback, delayMs);
      return this.#add({ delayMs, firesAt: this.#now + delayMs, callback });
    };
    const clear = (timer: ManualTimer | undefined) => {
      if (timer === undefined || !("firesAt" in timer)) return this.#real.clearTimeout(timer);
      this.#timers.delete(timer);
      timer.firesAt = undefined;
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  }

  /** Gives the real timers back; timers that still wait never fire. */
  uninstall(): void {
    this.#scope.enterWith(false);
    Object.assign(globalThis, this.#real);
    this.#timers.clear();
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets time pass; fires the timers that are due, in order. */
  tick(ms: number): void {
    const endsAt = this.#now + ms;
    for (let next = this.#nextDue(endsAt); next !== undefined; next = this.#nextDue(endsAt)) {
      this.#now = next.firesAt ?? this.#now;
      this.#timers.delete(next);
      next.callback();
    }
    this.#now = endsAt;
  }

  #add(timer: ManualTimer): ManualTimer & { refresh(): void; unref(): void } {
    const added = Object.assign(timer, {
      refresh: () => {
        // As in Node, a timer that was cleared stays cleared, and one that has fired waits again.
        if (added.firesAt === undefined) return;
        added.firesAt = this.#now + added.delayMs;
        this.#timers.add(added);
      },
      unref: () => added,
    });
    this.#timers.add(added);
    return added;
  }

  #nextDue(endsAt: number): ManualTimer | undefined {
    const due = [...this.#timers].filter(({ firesAt = Number.POSITIVE_INFINITY }) => firesAt <= endsAt);
    return due.sort((a, b) => (a.firesAt ?? 0) - (b.firesAt ?? 0))[0];
  }
}
