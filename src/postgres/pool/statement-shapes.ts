import { hash } from "node:crypto";

/** Shapes that are prepared: each keeps its plan in every connection that has run it. */
const PREPARED_MAX = 32;
/** A shape is prepared when it comes for the time of this number. */
const PREPARED_FROM = 5;
/** Shapes that are counted at a time; then all counts begin anew. */
const SEEN_MAX = 500;

/**
 * The statements of searches that are asked for again and again with other values: planning one takes about as long as running
 * it. How many names are given is bounded, because filters are of as many shapes as callers care to send.
 */
export class StatementShapes {
  readonly #seen = new Map<string, number>();
  readonly #names = new Map<string, string>();

  /**
   * The name to prepare a statement by, from its text; undefined for a statement that is seldom asked for, or whose shape
   * came after all names were given.
   */
  nameOf(text: string): string | undefined {
    const key = hash("sha1", text, "base64url");
    const name = this.#names.get(key);
    if (name !== undefined || this.#names.size >= PREPARED_MAX) return name;
    const count = (this.#seen.get(key) ?? 0) + 1;
    if (this.#seen.size >= SEEN_MAX) this.#seen.clear();
    this.#seen.set(key, count);
    if (count < PREPARED_FROM) return undefined;
    this.#seen.delete(key);
    this.#names.set(key, `search_${key}`);
    return `search_${key}`;
  }
}
