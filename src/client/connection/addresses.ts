/** The way of one piece of work through the addresses of a service: each retry moves it on. */
export interface Route<T> {
  /** The address to use now. */
  readonly current: T;
  /** Number of addresses. */
  readonly length: number;
  /** Whether any of the addresses has answered any work so far. */
  readonly hasAnswered: boolean;
  /** Notes that the address has answered. */
  noteAnswer(): void;
  /** Moves to the next address; the first follows the last. */
  next(): void;
}

/**
 * The addresses of one service, of which any will do. Each piece of work has a route of its own: when several fail at once at
 * one address, each moves on once. Work that begins later begins at the address that they moved to.
 */
export class Addresses<T> {
  readonly #all: readonly T[];
  #preferred = 0;
  #hasAnswered = false;

  /** `all` has at least one address. */
  constructor(all: readonly T[]) {
    this.#all = all;
  }

  /** A route that begins at the address that serves now, or at the `offset`-th after it, to spread work over all addresses. */
  route(offset = 0): Route<T> {
    const { length } = this.#all;
    let at = (this.#preferred + offset) % length;
    const next = () => {
      const left = at;
      at = (at + 1) % length;
      if (this.#preferred === left) this.#preferred = at;
    };
    const all = this.#all;
    const hasAnswered = () => this.#hasAnswered;
    return {
      length,
      next,
      noteAnswer: () => {
        this.#hasAnswered = true;
      },
      get hasAnswered() {
        return hasAnswered();
      },
      get current() {
        return all[at] as T;
      },
    };
  }
}
