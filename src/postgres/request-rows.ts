import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { CommandIdentity } from "../domain/command-identity.ts";
import { requestIdReused } from "../domain/repository-refusals.ts";
import { toBytea, toInterval } from "./sql-values.ts";

/**
 * What the command with this identity made or changed before: an upload's or a file's id, undefined when it never ran.
 * `invalid_argument / REQUEST_ID_REUSED` when the id was used for other content.
 */
export async function findEarlierSubject(
  pool: CommonQueryMethods,
  identity: CommandIdentity,
): Promise<string | undefined> {
  const schema = z.object({ subject_id: z.string(), is_same: z.boolean() });
  const row = await pool.maybeOne(sql.type(schema)`
    SELECT subject_id, content_sha256 = ${toBytea(identity.contentSha256)} AS is_same FROM request
    WHERE principal = ${identity.principal} AND method = ${identity.method} AND request_id = ${identity.requestId}`);
  if (row?.is_same === false) throw requestIdReused(identity.requestId, identity.method);
  return row?.subject_id;
}

/** Forgets the answers given longer than `olderThanMs` ago, at most `limit`; returns how many there were. */
export async function forgetRequests(
  pool: CommonQueryMethods,
  options: { olderThanMs: number; limit: number },
): Promise<number> {
  const result = await pool.query(sql.unsafe`
    DELETE FROM request r USING (
      SELECT principal, method, request_id FROM request
      WHERE create_time < now() - ${toInterval(options.olderThanMs)}
      ORDER BY create_time LIMIT ${options.limit} FOR UPDATE SKIP LOCKED
    ) o
    WHERE r.principal = o.principal AND r.method = o.method AND r.request_id = o.request_id`);
  return result.rowCount;
}
