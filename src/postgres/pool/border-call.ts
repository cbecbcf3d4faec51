import { AsyncLocalStorage } from "node:async_hooks";

/**
 * One call into this room, with the statements that are under way for it. Whoever waits for it may give it up; its statements
 * are cut then, so that nothing works on for nobody and holds a connection.
 */
export class BorderCall {
  static readonly #storage = new AsyncLocalStorage<BorderCall>();
  readonly #cuts = new Set<() => void>();
  #cause: Error | undefined;

  /** The call that the code runs for; undefined outside of calls. */
  static get current(): BorderCall | undefined {
    return BorderCall.#storage.getStore();
  }

  /** Runs the call's work; what it begins, now or later, belongs to the call. */
  run<T>(work: () => T): T {
    return BorderCall.#storage.run(this, work);
  }

  /** Why it was given up, if it was. */
  get cause(): Error | undefined {
    return this.#cause;
  }

  /** Notes a statement and how to cut it; the result is to be called once it has been answered. */
  begin(cut: () => void): () => void {
    this.#cuts.add(cut);
    return () => this.#cuts.delete(cut);
  }

  /** Nobody waits any more: what is under way is cut, and nothing more is to be begun. */
  giveUp(cause: Error): void {
    this.#cause = cause;
    for (const cut of this.#cuts) cut();
  }
}
