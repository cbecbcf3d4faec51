import { HASH_BYTES } from "./merkle-tree.ts";
import { type NoteVerifier, openNote } from "./signed-note.ts";

/** What the log says of itself: https://c2sp.org/tlog-checkpoint */
export interface Checkpoint {
  /** Which log it is. */
  origin: string;
  /** How many entries it has. */
  size: number;
  /** The hash of its tree. */
  root: Uint8Array;
}

/** The text of a checkpoint, which is to be signed. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/**
 * Reads a signed checkpoint. Throws LogProblem when none of the keys has signed it, when it is that of another log, and when it is
 * no checkpoint.
 */
export function openCheckpoint(
  note: Uint8Array,
  { origin, verifiers, what = "the checkpoint" }: { origin: string; verifiers: readonly NoteVerifier[]; what?: string },
): Checkpoint {
  const text = openNote(Buffer.from(note).toString("utf8"), verifiers);
  if (text === undefined) throw new LogProblem(`${what} is not signed by the key of this log`);
  const [stated = "", size = "", base64 = "", ...rest] = text.split("\n");
  const root = Buffer.from(base64, "base64");
  if (stated !== origin) throw new LogProblem(`${what} is of the log "${stated}", not of "${origin}"`);
  if (!/^(0|[1-9]\d{0,14})$/.test(size) || root.length !== HASH_BYTES || rest.length === 0)
    throw new LogProblem(`${what} states no size and root of a tree`);
  return { origin, size: Number(size), root };
}

/** Something about the log that is not as it was published. The message is a sentence that names the first entry where that is known. */
export class LogProblem extends Error {
  override readonly name = "LogProblem";
}
