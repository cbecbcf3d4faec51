import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { OrphanJudge, OrphanTerms, OrphanVerdict } from "../../domain/uploads/orphan-verdict.ts";
import { toInterval } from "../pool/sql-values.ts";

/** The judge of orphans in PostgreSQL. */
export function createOrphanJudge(pool: DatabasePool): OrphanJudge {
  return {
    judgeMultiparts: (bucket, multiparts, terms) => judgeMultiparts(pool, { bucket, multiparts }, terms),
    judgeKeys: (bucket, keys, terms) => judgeKeys(pool, { bucket, keys }, terms),
  };
}

const verdictRow = z.object({ verdict: z.enum(["dead", "kept", "foreign"]) });

async function judgeMultiparts(
  pool: CommonQueryMethods,
  target: { bucket: string; multiparts: readonly { key: string; multipartId: string; initiated: Date }[] },
  { namespace, olderThanMs }: OrphanTerms,
): Promise<OrphanVerdict[]> {
  const rows = await pool.any(sql.type(verdictRow)`
    SELECT CASE
      WHEN u.upload_id IS NULL THEN 'foreign'
      WHEN u.namespace <> ${namespace} THEN 'kept'
      WHEN g.initiated > now() - ${toInterval(olderThanMs)} THEN 'kept'
      WHEN u.state IN ('open', 'completing', 'assembled') AND u.multipart_id = g.multipart_id THEN 'kept'
      ELSE 'dead' END AS verdict
    FROM ${sql.unnest(
      target.multiparts.map(({ key, multipartId, initiated }, index) => [
        ...[index, key, multipartId],
        initiated.toISOString(),
      ]),
      ["int4", "text", "text", "timestamptz"],
    )} AS g (ordinal, key, multipart_id, initiated)
    LEFT JOIN upload u ON u.s3_key = g.key AND u.bucket = ${target.bucket}
    ORDER BY g.ordinal`);
  return rows.map(({ verdict }) => verdict);
}

/** A key is that of an upload's multipart object, or of one of its PutObject attempts. */
async function judgeKeys(
  pool: CommonQueryMethods,
  target: { bucket: string; keys: readonly string[] },
  { namespace, olderThanMs }: OrphanTerms,
): Promise<OrphanVerdict[]> {
  const isOld = sql.fragment`(u.state_time <= now() - ${toInterval(olderThanMs)}
    AND (u.url_expire_time IS NULL OR u.url_expire_time <= now() - ${toInterval(olderThanMs)}))`;
  const rows = await pool.any(sql.type(verdictRow)`
    SELECT CASE
      WHEN f.file_id IS NOT NULL THEN 'kept'
      WHEN u.upload_id IS NULL THEN 'foreign'
      WHEN u.namespace <> ${namespace} THEN 'kept'
      -- Nothing of ours was assembled there, or put by that attempt.
      WHEN g.attempt IS NULL AND u.state IN ('aborted', 'expired') AND u.crc32 IS NULL THEN 'foreign'
      WHEN g.attempt NOT BETWEEN 1 AND u.put_attempt THEN 'foreign'
      WHEN u.state IN ('aborted', 'expired') AND ${isOld} THEN 'dead'
      WHEN u.state = 'committed' AND g.key <> u.object_key AND ${isOld} THEN 'dead'
      ELSE 'kept' END AS verdict
    FROM (
      SELECT n.ordinal, n.key, regexp_replace(n.key, '[.][1-9][0-9]{0,8}$', '') AS base,
        substring(n.key FROM '[.]([1-9][0-9]{0,8})$')::int AS attempt
      FROM ${sql.unnest(
        target.keys.map((key, index) => [index, key]),
        ["int4", "text"],
      )} AS n (ordinal, key)
    ) g
    LEFT JOIN upload u ON u.s3_key = g.base AND u.bucket = ${target.bucket}
    LEFT JOIN file f ON f.bucket = ${target.bucket} AND f.s3_key = g.key
    ORDER BY g.ordinal`);
  return rows.map(({ verdict }) => verdict);
}
