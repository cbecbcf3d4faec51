import { invalidArgument } from "./errors.ts";

/**
 * A moment in the order of commits: the number of a mark that was drawn after them. Whoever sees the mark of this number, or of a
 * greater one, sees every change that was committed before it was drawn.
 */
export type CommitPosition = bigint;

/**
 * A command says in this header at which commit position its change is, and a query which position its answer must have
 * seen.
 */
export const POSITION_HEADER = "sluice-position";

/** The header of an answer that may lack the newest changes: how long ago it had all of them, in milliseconds. */
export const STALE_HEADER = "sluice-stale-ms";

/** Numbers of a 64-bit sequence. */
const FORM = /^[1-9]\d{0,18}$/;

/**
 * Parses a position, for instance "1024"; `invalid_argument / ARGUMENT_INVALID` for anything else: a caller that counts upon
 * seeing its own writes is told that it would not.
 */
export function parseCommitPosition(text: string): CommitPosition {
  if (!FORM.test(text)) {
    const shown = JSON.stringify(text.slice(0, 40));
    const message = `${POSITION_HEADER} is ${shown}; send back what a command answered, for instance "1024"`;
    throw invalidArgument(POSITION_HEADER, message);
  }
  return BigInt(text);
}

/** The text that `parseCommitPosition` reads. */
export function formatCommitPosition(position: CommitPosition): string {
  return String(position);
}

/** The later of two positions, where there are any. */
export function laterPosition(
  one: CommitPosition | undefined,
  other: CommitPosition | undefined,
): CommitPosition | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}
