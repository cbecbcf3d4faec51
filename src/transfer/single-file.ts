/** Gives turns one at a time, in the order in which they were asked for: the next turn begins when the one before has ended. */
export class SingleFile<T> {
  readonly #line: { who: T; begin: () => void }[] = [];

  /** Resolves when it is the turn of `who`, who is to `leave` then. Rejects with the signal's reason when that aborts before. */
  enter(who: T, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#line.splice(this.#line.indexOf(entry), 1);
        reject(signal.reason);
      };
      const begin = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const entry = { who, begin };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#line.push(entry);
      if (this.#line.length === 1) begin();
    });
  }

  /** Ends the turn of `who`; does nothing where it is not theirs. */
  leave(who: T): void {
    if (this.#line[0]?.who !== who) return;
    this.#line.shift();
    this.#line[0]?.begin();
  }
}
