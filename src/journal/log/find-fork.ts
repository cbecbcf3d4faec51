import { LogProblem } from "../../domain/log/checkpoint.ts";
import type { LogFiles } from "../../domain/log/log-files.ts";
import type { LogLeaves } from "../../domain/log/log-leaves.ts";
import { HASH_BYTES, isSame, TILE_WIDTH, toTileWidth } from "../../domain/log/merkle-tree.ts";

/** What stands in the log for an entry that was dropped before it was sealed. */
const DROPPED = new Uint8Array(HASH_BYTES);

const ADVICE =
  'nothing is published until an operator says by "sluice audit fork --continue" that a new log begins, or the right database is back';

/**
 * Compares the log with the leaves of the database. Rejects with LogProblem when it is another one: it names the first entry of the log
 * that is not in the database. A database that was restored, and has given numbers once more, has the same leaves up to the time of
 * the backup and others behind it, so the last bundle tells whether it is another one, and a search by halves where it begins.
 */
export async function findFork(
  files: LogFiles,
  { size, leaves, droppedThrough }: { size: number; leaves: LogLeaves; droppedThrough: number },
): Promise<void> {
  if (size === 0) return;
  const findFirst = async (index: number): Promise<number | undefined> => {
    const width = toTileWidth({ level: 0, index }, size);
    const first = index * TILE_WIDTH;
    const rows = await leaves.read({ after: first, through: first + width });
    const ours = new Map(rows.map(({ sequence, entry }) => [sequence, entry]));
    const { entries } = await files.readBundle(index);
    for (const [nth, entry] of entries.entries()) {
      const sequence = first + nth + 1;
      const own = ours.get(sequence);
      if (own === undefined ? sequence > droppedThrough : !isSame(own, entry)) return sequence;
    }
    return undefined;
  };
  let [known, last] = [0, Math.floor((size - 1) / TILE_WIDTH)];
  let missing = await findFirst(last);
  if (missing === undefined) return;
  while (known < last) {
    const middle = Math.floor((known + last) / 2);
    const found = await findFirst(middle);
    if (found === undefined) known = middle + 1;
    else [last, missing] = [middle, found];
  }
  throw new LogProblem(`FORK: entry ${missing} of the log of ${size} entries is not in this database; ${ADVICE}`);
}

/** The problem of a database that ends before the log does. */
export function toEarlyEnd({ through, size, claimed }: { through: number; size: number; claimed: number }): LogProblem {
  const ahead = claimed > size ? `a checkpoint of ${claimed} entries was begun` : `the checkpoint has ${size} entries`;
  return new LogProblem(
    `FORK: entry ${through + 1} of the log is missing from this database, which ends there; ${ahead}; ${ADVICE}`,
  );
}

/** The problem when somebody else has begun to publish other entries. */
export function toOtherClaim({ size, claimed }: { size: number; claimed: number }): LogProblem {
  return new LogProblem(
    `FORK: behind entry ${size} of the log somebody has begun to publish others than this database has, up to entry ${claimed}; ${ADVICE}`,
  );
}

/**
 * The entries of the log behind number `after` and up to `through`. Rejects with LogProblem when the database does not have one of them
 * any more, unless it was dropped with its month.
 */
export async function readEntries(
  leaves: LogLeaves,
  { after, through, droppedThrough }: { after: number; through: number; droppedThrough: number },
): Promise<Uint8Array[]> {
  const rows = (await leaves.read({ after, through })).values();
  const entries: Uint8Array[] = [];
  let row = rows.next().value;
  for (let sequence = after + 1; sequence <= through; sequence++) {
    if (row?.sequence === sequence) {
      entries.push(row.entry);
      row = rows.next().value;
    } else if (sequence <= droppedThrough) entries.push(DROPPED);
    else throw new LogProblem(`entry ${sequence} has gone from the database before it was published`);
  }
  return entries;
}
