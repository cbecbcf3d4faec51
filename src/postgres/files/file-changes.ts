import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { parseCommitPosition } from "../../domain/commit-position.ts";
import type { ChangedPath, FileChangeFeed } from "../../domain/files/file-changes.ts";
import { atBorder } from "../pool/errors.ts";
import { toInterval } from "../pool/sql-values.ts";

/** Changes that one poll reads at most; when more wait, everything that is cached is forgotten instead. */
export const CHANGES_MAX = 10_000;

const polledRow = z.object({
  horizon: z.string(),
  position: z.string(),
  changes: z.array(z.object({ xid: z.string(), namespace: z.string(), path: z.string() })),
});

/**
 * The feed of one follower. Transactions end in another order than they begin: each poll reads all changes from the oldest
 * transaction that had not ended at the poll before, and leaves out those that it has returned already.
 */
export function createFileChangeFeed(pool: CommonQueryMethods, { changesMax = CHANGES_MAX } = {}): FileChangeFeed {
  let from: string | undefined;
  let told = new Set<string>();
  const poll: FileChangeFeed["poll"] = async () => {
    // The position is the flushed end of the log, not its end: a replica reaches the flushed end without any further write,
    // and a commit is visible once it is flushed.
    const row = await pool.one(sql.type(polledRow)`
      SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, pg_current_wal_flush_lsn()::text AS position,
        coalesce((
          SELECT json_agg(c) FROM (
            SELECT xid::text, namespace, path FROM file_change
            WHERE xid >= ${from ?? null}::text::xid8 LIMIT ${changesMax + 1}
          ) c
        ), '[]'::json) AS changes`);
    const position = parseCommitPosition(row.position);
    const isKnown = from !== undefined && row.changes.length <= changesMax;
    from = row.horizon;
    const paths: ChangedPath[] = [];
    const seen = new Set<string>();
    for (const { xid, namespace, path } of isKnown ? row.changes : []) {
      const key = `${xid}/${namespace}/${path}`;
      if (!told.has(key)) paths.push({ namespace, path });
      seen.add(key);
    }
    // The next poll leaves out the changes of these that it reads again; the others can be forgotten.
    told = seen;
    return { paths: isKnown ? paths : undefined, position };
  };
  return atBorder<FileChangeFeed>({ poll });
}

/** Forgets changes longer ago than `olderThanMs`, at most `limit`, the oldest first. */
export async function forgetFileChanges(
  pool: CommonQueryMethods,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<void> {
  const forget = async () => {
    await pool.query(sql.unsafe`
      DELETE FROM file_change WHERE (xid, namespace, path) IN (
        SELECT xid, namespace, path FROM file_change WHERE change_time < now() - ${toInterval(olderThanMs)}
        ORDER BY xid, namespace, path LIMIT ${limit}
      )`);
  };
  await atBorder({ forget }).forget();
}
