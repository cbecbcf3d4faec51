import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import { requestIdReused, uploadNotFound } from "../../domain/repository-refusals.ts";
import { type SqlFragment, toBytea, toInterval } from "../pool/sql-values.ts";
import { readUploadRow } from "./upload-rows.ts";

const earlierRow = z.object({ subject_id: z.string(), is_same: z.boolean() });

/**
 * The id of the upload or file that the command with this identity made or changed before; undefined when it never ran.
 * `invalid_argument / REQUEST_ID_REUSED` when the id was used for other content.
 */
export async function findEarlierSubject(
  pool: CommonQueryMethods,
  identity: CommandIdentity,
): Promise<string | undefined> {
  const row = await pool.maybeOne(sql.type(earlierRow)`
    SELECT subject_id, content_sha256 = ${toBytea(identity.contentSha256)} AS is_same FROM request
    WHERE namespace = ${identity.namespace} AND principal = ${identity.principal} AND method = ${identity.method}
      AND request_id = ${identity.requestId}`);
  if (row?.is_same === false) throw requestIdReused(identity.requestId, identity.method);
  return row?.subject_id;
}

/** The head of a statement that notes the command for its subject, an expression; the caller adds FROM and ON CONFLICT. */
export function insertRequest(identity: CommandIdentity, subjectId: SqlFragment) {
  return sql.fragment`
    INSERT INTO request (namespace, principal, method, request_id, content_sha256, subject_id)
    SELECT ${identity.namespace}, ${identity.principal}, ${identity.method}, ${identity.requestId}::uuid,
      ${toBytea(identity.contentSha256)}, ${subjectId}`;
}

/** UploadCatalogue.noteRequest */
export async function noteRequest(
  pool: CommonQueryMethods,
  identity: CommandIdentity,
  uploadId: string,
): Promise<void> {
  const { rowCount } = await pool.query(sql.unsafe`
    ${insertRequest(identity, sql.fragment`u.upload_id`)}
    FROM upload u WHERE u.upload_id = ${uploadId} AND u.namespace = ${identity.namespace}
    ON CONFLICT DO NOTHING`);
  if (rowCount > 0 || (await findEarlierSubject(pool, identity)) !== undefined) return;
  const row = await readUploadRow(pool, uploadId);
  if (row.namespace !== identity.namespace) throw uploadNotFound(uploadId);
  // The request was known a moment ago, and has been forgotten since.
  await noteRequest(pool, identity, uploadId);
}

/** Forgets the answers given longer than `olderThanMs` ago, at most `limit`; returns how many there were. */
export async function forgetRequests(
  pool: CommonQueryMethods,
  options: { olderThanMs: number; limit: number },
): Promise<number> {
  const result = await pool.query(sql.unsafe`
    DELETE FROM request r USING (
      SELECT namespace, principal, method, request_id FROM request
      WHERE create_time < now() - ${toInterval(options.olderThanMs)}
      ORDER BY create_time LIMIT ${options.limit} FOR UPDATE SKIP LOCKED
    ) o
    WHERE r.namespace = o.namespace AND r.principal = o.principal AND r.method = o.method AND r.request_id = o.request_id`);
  return result.rowCount;
}
