import { invalidArgument } from "./errors.ts";

/** A place in the log of the database (its LSN): whoever has seen it sees every change that was committed before. */
export type CommitPosition = bigint;

/**
 * A command says in this header at which commit position its change is, and a query which position its answer must have
 * seen.
 */
export const POSITION_HEADER = "sluice-position";

const FORM = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/;

/**
 * Parses a position as PostgreSQL writes it, for instance "16/B374D848"; `invalid_argument / ARGUMENT_INVALID` for anything
 * else: a caller that counts upon seeing its own writes is told that it would not.
 */
export function parseCommitPosition(text: string): CommitPosition {
  const [, high, low] = FORM.exec(text) ?? [];
  if (high === undefined || low === undefined) {
    const shown = JSON.stringify(text.slice(0, 40));
    const message = `${POSITION_HEADER} is ${shown}; send back what a command answered, for instance "16/B374D848"`;
    throw invalidArgument(POSITION_HEADER, message);
  }
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** The text that `parseCommitPosition` reads. */
export function formatCommitPosition(position: CommitPosition): string {
  const hex = (part: bigint) => part.toString(16).toUpperCase();
  return `${hex(position >> 32n)}/${hex(position & 0xffff_ffffn)}`;
}
