import { type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { atBorder } from "../pool/errors.ts";

const countRow = z.object({ all: z.int(), own: z.int() });

/**
 * Counts the uploads that have not ended, at most `limit`, and those of them that are a caller's, by the index
 * `upload_unfinished`, some 100 ms for 100,000. Rejects with `unavailable / DATABASE_UNAVAILABLE`.
 */
export function createUnfinishedCount(
  pool: DatabasePool,
): (caller: string, options: { limit: number }) => Promise<{ all: number; own: number }> {
  const count = (caller: string, { limit }: { limit: number }) =>
    pool.one(sql.type(countRow)`
      SELECT count(*) AS all, count(*) FILTER (WHERE u.principal = ${caller}) AS own
      FROM (SELECT principal FROM upload WHERE state IN ('open', 'completing', 'assembled') LIMIT ${limit}) u`);
  return atBorder({ count }).count;
}
