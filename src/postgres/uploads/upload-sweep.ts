import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import { SERVICE_ACTOR } from "../../domain/deed.ts";
import type { Upload } from "../../domain/uploads/upload.ts";
import type { UploadPage, UploadPaging, UploadSweep } from "../../domain/uploads/upload-sweep.ts";
import { type SqlFragment, toInterval } from "../pool/sql-values.ts";
import { isBehind, toNext } from "../pool/timed-pages.ts";
import { CHANGED_UPLOADS, enterDeed } from "../rows/journal-rows.ts";
import { toUpload, uploadColumns, uploadRow } from "../rows/upload-rows.ts";

/** The sweep of uploads in PostgreSQL. */
export function createUploadSweep(pool: DatabasePool): UploadSweep {
  return {
    expireDue: (namespace, limit) => expireDue(pool, namespace, limit),
    listStuck: (namespace, options) => listStuck(pool, namespace, options),
    listUncleaned: (namespace, paging) => listUncleaned(pool, namespace, paging),
    markCleaned: (uploadId) => markCleaned(pool, uploadId),
  };
}

/** Sweepers of several replicas pass each other by the rows' locks. */
async function expireDue(pool: CommonQueryMethods, namespace: string, limit: number): Promise<Upload[]> {
  const rows = await pool.any(sql.type(uploadRow)`
    WITH due AS (
      SELECT upload_id FROM upload
      WHERE namespace = ${namespace} AND state IN ('open', 'assembled') AND commit_wanted_time IS NULL
        AND failure_reason IS NULL AND expire_time <= now()
      ORDER BY expire_time LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED
    ), changed AS (
      UPDATE upload u SET state = 'expired', state_time = now() FROM due
      WHERE u.upload_id = due.upload_id AND u.state IN ('open', 'assembled') AND u.commit_wanted_time IS NULL
        AND u.failure_reason IS NULL
      RETURNING ${uploadColumns}
    ), ${enterDeed({ action: "ExpireUpload", actor: SERVICE_ACTOR }, CHANGED_UPLOADS)}
    SELECT * FROM changed`);
  return rows.map((row) => toUpload(row, undefined));
}

const listedRow = uploadRow.extend({ due: z.string() });

/** One page of the uploads of a namespace that are `listed`, by that time. */
async function listPage(
  pool: CommonQueryMethods,
  { after, limit }: UploadPaging,
  list: { namespace: string; time: SqlFragment; listed: SqlFragment },
): Promise<UploadPage> {
  const { namespace, time, listed } = list;
  const rows = await pool.any(sql.type(listedRow)`
    SELECT ${uploadColumns}, ${time}::text AS due FROM upload u
    WHERE u.namespace = ${namespace} AND ${listed} AND ${isBehind({ time, id: sql.fragment`u.upload_id` }, after)}
    ORDER BY ${time}, u.upload_id LIMIT ${limit}`);
  return {
    uploads: rows.map((row) => toUpload(row, undefined)),
    next: toNext(rows, limit, ({ upload_id }) => upload_id),
  };
}

async function listStuck(
  pool: CommonQueryMethods,
  namespace: string,
  { olderThanMs, ...paging }: UploadPaging & { olderThanMs: number },
): Promise<UploadPage> {
  const time = sql.fragment`u.commit_wanted_time`;
  const listed = sql.fragment`u.state IN ('completing', 'assembled') AND u.failure_reason IS NULL
    AND ${time} <= now() - ${toInterval(olderThanMs)}`;
  return await listPage(pool, paging, { namespace, time, listed });
}

/** Dead uploads, and committed ones with PutObject attempts beside the object that won. As the index has it. */
const mayLeaveBytes = sql.fragment`
  (u.state IN ('aborted', 'expired')
    OR (u.state = 'committed' AND u.put_attempt > CASE WHEN u.object_key = u.s3_key THEN 0 ELSE 1 END))`;

/** What was given up, or begun with a URL, may still land; by then every request of its time has ended. */
const hasSettled = sql.fragment`
  ((u.put_attempt = 0 OR u.state_time < now() - interval '10 minutes')
    AND (u.url_expire_time IS NULL OR u.url_expire_time < now() - interval '10 minutes'))`;

async function listUncleaned(pool: CommonQueryMethods, namespace: string, paging: UploadPaging): Promise<UploadPage> {
  const listed = sql.fragment`u.cleanup_time IS NULL AND ${mayLeaveBytes} AND ${hasSettled}`;
  return await listPage(pool, paging, { namespace, time: sql.fragment`u.state_time`, listed });
}

async function markCleaned(pool: CommonQueryMethods, uploadId: string): Promise<void> {
  await pool.query(sql.unsafe`
    UPDATE upload u SET cleanup_time = now()
    WHERE u.upload_id = ${uploadId} AND u.cleanup_time IS NULL AND ${mayLeaveBytes} AND ${hasSettled}`);
}
