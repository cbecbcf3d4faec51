import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { NamespaceUsage } from "../domain/namespaces/namespace-repository.ts";
import { readUsed } from "./rows/usage-rows.ts";

const usageRow = z.object({
  live_files: z.int(),
  live_bytes: z.int(),
  kept: z.int(),
  kept_bytes: z.int(),
  unfinished_uploads: z.int(),
});

/** Counts the files, the kept generations and the unfinished uploads of a namespace, and reads how much of its quotas is used. */
export async function readUsage(
  pool: CommonQueryMethods,
  name: string,
  { principal }: { principal?: string | undefined } = {},
): Promise<NamespaceUsage> {
  const row = await pool.one(sql.type(usageRow)`
    SELECT
      count(*) FILTER (WHERE is_live) AS live_files, coalesce(sum(size_bytes) FILTER (WHERE is_live), 0)::bigint AS live_bytes,
      count(*) FILTER (WHERE NOT is_live) AS kept, coalesce(sum(size_bytes) FILTER (WHERE NOT is_live), 0)::bigint AS kept_bytes,
      (SELECT count(*) FROM upload u WHERE u.namespace = ${name} AND u.state IN ('open', 'completing', 'assembled'))
        AS unfinished_uploads
    FROM (SELECT f.size_bytes, f.supersede_time IS NULL AND f.delete_time IS NULL AS is_live
      FROM file f WHERE f.namespace = ${name} AND f.purge_state IS DISTINCT FROM 'purged') f`);
  const { used, usedByPrincipal, dayEndTime } = await readUsed(pool, { namespace: name, principal });
  return {
    liveFiles: row.live_files,
    liveBytes: row.live_bytes,
    kept: row.kept,
    keptBytes: row.kept_bytes,
    unfinishedUploads: row.unfinished_uploads,
    used,
    usedByPrincipal: principal === undefined ? undefined : usedByPrincipal,
    dayEndTime,
  };
}

/** Resolves to true when a namespace has no file, no kept generation and no unfinished upload. */
export async function isEmpty(pool: CommonQueryMethods, name: string): Promise<boolean> {
  return !(await pool.exists(sql.unsafe`
    SELECT FROM file f WHERE f.namespace = ${name} AND f.purge_state IS DISTINCT FROM 'purged'
    UNION ALL
    SELECT FROM upload u WHERE u.namespace = ${name} AND u.state IN ('open', 'completing', 'assembled')`));
}
