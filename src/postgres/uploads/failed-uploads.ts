import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { toDomainError } from "../pool/errors.ts";

/** An upload whose commit has failed, as an operator sees it. */
export interface FailedUpload {
  uploadId: string;
  path: string;
  message: string;
}

const failedRow = z.object({ upload_id: z.string(), path: z.string(), failure_message: z.string() });

/**
 * Uploads of a namespace whose commit has failed, at most `limit`, the oldest first. Rejects
 * `unavailable / DATABASE_UNAVAILABLE`.
 */
export async function listFailedUploads(
  pool: CommonQueryMethods,
  { namespace, limit }: { namespace: string; limit: number },
): Promise<FailedUpload[]> {
  const rows = await pool
    .any(sql.type(failedRow)`
      SELECT upload_id, path, failure_message FROM upload
      WHERE namespace = ${namespace} AND failure_reason IS NOT NULL AND state IN ('completing', 'assembled')
      ORDER BY upload_id LIMIT ${limit}`)
    .catch((error) => {
      throw toDomainError(error);
    });
  return rows.map((row) => ({ uploadId: row.upload_id, path: row.path, message: row.failure_message }));
}
