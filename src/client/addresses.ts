/** The way of one piece of work through the addresses of a service: retries move it on. */
export interface Route<T> {
  /** Where to go now. */
  readonly current: T;
  /** How many addresses there are. */
  readonly length: number;
  /** Goes on to the next address, from the last to the first. */
  next(): void;
}

/**
 * The addresses of one service, of which any will do. Each piece of work has a route of its own, so that many that fail at once at
 * one address move on once each; what begins later begins where they went.
 */
export class Addresses<T> {
  readonly #all: readonly T[];
  #preferred = 0;

  /** At least one. */
  constructor(all: readonly T[]) {
    this.#all = all;
  }

  /** A route that begins at the address that serves now, or at the `offset`-th behind it, to spread work over all. */
  route(offset = 0): Route<T> {
    const { length } = this.#all;
    let at = (this.#preferred + offset) % length;
    const next = () => {
      const left = at;
      at = (at + 1) % length;
      if (this.#preferred === left) this.#preferred = at;
    };
    const all = this.#all;
    return {
      length,
      next,
      get current() {
        return all[at] as T;
      },
    };
  }
}
