import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { UploadToken } from "../../domain/caller.ts";
import type { Actor } from "../../domain/deed.ts";
import { namespaceNotFound } from "../../domain/repository-refusals.ts";
import { toInterval } from "../pool/sql-values.ts";
import { type EnteredRows, enterDeed, toJson } from "../rows/journal-rows.ts";

const madeRow = z.object({ expire_time: z.date() });

/** UploadCatalogue.enterToken */
export async function enterToken(
  pool: CommonQueryMethods,
  token: Omit<UploadToken, "expireTime">,
  { lifetimeMs, actor }: { lifetimeMs: number; actor: Actor },
): Promise<Date> {
  const { tokenId, namespace, place, sizeMaxBytes, uploadsMax, onlyNewFiles } = token;
  const rows: EnteredRows = {
    from: sql.fragment`made m`,
    kind: "upload-token",
    namespace: sql.fragment`m.namespace`,
    id: sql.fragment`${tokenId}::uuid`,
    path: sql.fragment`${place}`,
    after: sql.fragment`${toJson({ sizeMaxBytes, uploadsMax, onlyNewFiles })} || jsonb_build_object('expireTime', m.expire_time)`,
  };
  const expireTime = await pool.maybeOneFirst(sql.type(madeRow)`
    WITH made AS (
      SELECT n.name AS namespace, date_trunc('milliseconds', now()) + ${toInterval(lifetimeMs)} AS expire_time FROM namespace n
      WHERE n.name = ${namespace} AND n.delete_time IS NULL FOR KEY SHARE
    ), ${enterDeed({ action: "CreateUploadToken", actor }, rows)}
    SELECT expire_time FROM made`);
  if (expireTime === null) throw namespaceNotFound(namespace);
  return expireTime;
}

/** UploadCatalogue.forgetTokens */
export async function forgetTokens(
  pool: CommonQueryMethods,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<number> {
  const { rowCount } = await pool.query(sql.unsafe`
    DELETE FROM upload_token t USING (
      SELECT token_id FROM upload_token WHERE expire_time < now() - ${toInterval(olderThanMs)}
      ORDER BY expire_time LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) o
    WHERE t.token_id = o.token_id`);
  return rowCount;
}
