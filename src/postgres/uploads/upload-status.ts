import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { File } from "../../domain/files/file.ts";
import type { UploadStatus } from "../../domain/uploads/upload-catalogue.ts";
import { fileColumns, fileRow, toFile } from "../rows/file-rows.ts";
import { uploadRow } from "../rows/upload-rows.ts";

/** `upload u`, and with it the sum of its durable parts, taken once: `d.bytes`. Who has an object needs none. */
export const uploadWithDurable = sql.fragment`
  upload u CROSS JOIN LATERAL (
    SELECT coalesce(sum(p.length_bytes), 0) AS bytes FROM part p
    WHERE p.upload_id = u.upload_id AND p.state = 'durable' AND u.object_key IS NULL
  ) d`;

/**
 * What the writers of `uploadWithDurable` have received of their ranges, as far as they noted it, beyond what is durable
 * there. A writer of the whole file, the common one, needs no sum of its own.
 */
const pendingBytes = sql.fragment`
  coalesce((
    SELECT sum(greatest(0, w.received_bytes - CASE WHEN w.range_start = 0 AND w.range_end IS NULL THEN d.bytes ELSE coalesce((
      SELECT sum(p.length_bytes) FROM part p
      WHERE p.upload_id = w.upload_id AND p.state = 'durable' AND p.part_number > w.range_start / u.part_size_bytes
        AND (w.range_end IS NULL OR p.part_number <= (w.range_end - 1) / u.part_size_bytes + 1)
    ), 0) END))
    FROM writer w WHERE w.upload_id = u.upload_id AND w.received_bytes > 0
  ), 0)`;

/** What was received of `uploadWithDurable`: an object is all of it, its writers' notes no longer count. */
export const receivedBytes = sql.fragment`
  (CASE WHEN u.object_key IS NOT NULL THEN u.size_bytes ELSE d.bytes + ${pendingBytes} END)::bigint`;

/** What is durable of it: the SQL of `toDurableState`, which says why. */
const durableBytes = sql.fragment`
  (CASE WHEN u.state IN ('aborted', 'expired') THEN 0
    WHEN u.object_key IS NOT NULL THEN u.size_bytes
    ELSE d.bytes END)::bigint`;

const statusRow = uploadRow
  .pick({ upload_id: true, namespace: true, path: true, state: true, size_bytes: true, file_id: true })
  .extend({ received_bytes: z.int(), durable_bytes: z.int() });

/** UploadCatalogue.listStatus. Files are read by a second statement, where an upload has one. */
export async function listStatus(pool: CommonQueryMethods, uploadIds: readonly string[]): Promise<UploadStatus[]> {
  const rows = await pool.any(sql.prepared("list_status", statusRow)`
    SELECT u.upload_id, u.namespace, u.path, u.state, u.size_bytes, u.file_id,
      ${receivedBytes} AS received_bytes, ${durableBytes} AS durable_bytes
    FROM ${uploadWithDurable} WHERE u.upload_id = ANY(${sql.array([...uploadIds], "uuid")})`);
  const files = await readFiles(pool, rows);
  return rows.map((row) => ({
    uploadId: row.upload_id,
    namespace: row.namespace,
    path: row.path,
    state: row.state,
    sizeBytes: row.size_bytes ?? undefined,
    receivedBytes: Math.max(row.received_bytes, row.durable_bytes),
    durableBytes: row.durable_bytes,
    file: row.file_id === null ? undefined : files.get(row.file_id),
  }));
}

/** The files of committed uploads, by their ids. */
async function readFiles(
  pool: CommonQueryMethods,
  uploads: readonly { namespace: string; file_id: string | null }[],
): Promise<Map<string, File>> {
  const named = uploads.flatMap(({ namespace, file_id }) => (file_id === null ? [] : [[namespace, file_id]]));
  if (named.length === 0) return new Map();
  const rows = await pool.any(sql.type(fileRow)`
    SELECT ${fileColumns} FROM ${sql.unnest(named, ["text", "uuid"])} AS w (namespace, file_id)
      JOIN file f ON f.namespace = w.namespace AND f.file_id = w.file_id`);
  return new Map(rows.map((row) => [row.file_id, toFile(row)]));
}
