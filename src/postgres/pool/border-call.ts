import { AsyncLocalStorage } from "node:async_hooks";

/**
 * One call into this room, with the statements that are under way for it. The code that waits for the call may give it up.
 * Its statements are cut then, so that no statement goes on for nobody and holds a connection.
 */
export class BorderCall {
  static readonly #storage = new AsyncLocalStorage<BorderCall>();
  readonly #cuts = new Set<() => void>();
  #cause: Error | undefined;

  /** The call that the code runs for; undefined outside of calls. */
  static get current(): BorderCall | undefined {
    return BorderCall.#storage.getStore();
  }

  /** Runs the call's work; every statement that the work begins, now or later, belongs to the call. */
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

  /** Nobody waits any more: the statements under way are cut, and no further one may begin. */
  giveUp(cause: Error): void {
    this.#cause = cause;
    for (const cut of this.#cuts) cut();
  }
}
