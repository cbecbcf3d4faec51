import { type CommonQueryMethods, sql } from "slonik";
import { SERVICE_ACTOR } from "../../domain/deed.ts";
import type { File } from "../../domain/files/file.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import { fileColumns, fileRow, toFile } from "../rows/file-rows.ts";
import { CHANGED_FILES, enterDeed, toJson } from "../rows/journal-rows.ts";

/** What becomes of `file.hold_settled` when `legal_hold` becomes this. */
export function toHoldSettled(legalHold: boolean) {
  return sql.fragment`CASE
    WHEN f.legal_hold = ${legalHold} THEN f.hold_settled
    WHEN ${legalHold}::boolean OR f.hold_settled IS NOT NULL THEN false END`;
}

/** FileRepository.settleHold. The etag stays: what the caller said of the file is as it was. */
export async function settleHold(
  pool: CommonQueryMethods,
  { namespace, fileId, metageneration, legalHold }: Parameters<FileRepository["settleHold"]>[0],
  hasObjectLock: boolean,
): Promise<{ file: File; isSettled: boolean }> {
  const settled = sql.fragment`${hasObjectLock ? true : null}::boolean`;
  await pool.query(sql.unsafe`
    WITH changed AS (
      UPDATE file f SET hold_settled = ${settled}
      WHERE f.namespace = ${namespace} AND f.file_id = ${fileId} AND f.metageneration = ${metageneration}::bigint
        AND f.hold_settled IS DISTINCT FROM ${settled}
      RETURNING ${fileColumns}
    ), ${enterDeed(
      { action: "SettleHold", actor: SERVICE_ACTOR },
      { ...CHANGED_FILES, after: toJson({ legal_hold_in_storage: legalHold && hasObjectLock }) },
    )}
    SELECT FROM changed`);
  const row = await pool.one(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f WHERE f.namespace = ${namespace} AND f.file_id = ${fileId}`);
  return { file: toFile(row), isSettled: row.metageneration === metageneration };
}

/** FileRepository.listUnsettledHolds */
export async function listUnsettledHolds(
  pool: CommonQueryMethods,
  namespace: string,
  { after, limit }: { after: string; limit: number },
): Promise<{ files: File[]; next: string }> {
  const rows = await pool.any(sql.type(fileRow)`
    SELECT ${fileColumns} FROM file f
    WHERE f.namespace = ${namespace} AND f.hold_settled = false AND f.purge_state IS NULL
      AND (${after} = '' OR f.file_id > nullif(${after}, '')::uuid)
    ORDER BY f.file_id LIMIT ${limit}`);
  return { files: rows.map(toFile), next: rows.length < limit ? "" : (rows.at(-1)?.file_id ?? "") };
}
