import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileCursor } from "../../domain/files/file-order.ts";
import type { FolderPage, FolderQuery } from "../../domain/files/file-repository.ts";
import { FOLDER_DELIMITER, type FolderEntry, toEntryCursor } from "../../domain/files/folder-entry.ts";
import { type SqlFragment, toPrefixEnd } from "../pool/sql-values.ts";
import { fileColumns, fileIsLive, fileIsRestorable, fileRow, toFile } from "../rows/file-rows.ts";

const entryRow = z.object({ folder: z.string().nullable(), entry_path: z.string(), entry_generation: z.int() });
/** A folder has no file, and neither has a deleted file past its purge time. */
const stepRow = z.union([entryRow.extend(fileRow.shape), entryRow.extend({ file_id: z.null() })]);
type StepRow = z.infer<typeof stepRow>;

/**
 * FileRepository.listFolder: the first path, then the first one after it or, when it is in a folder, after all of the
 * folder, and so on. Each step descends the index once, so that a folder of a million files costs what a file does.
 */
export async function listFolder(pool: CommonQueryMethods, namespace: string, query: FolderQuery): Promise<FolderPage> {
  const stepsMax = query.limit + 1;
  const rows = await pool.any(sql.type(stepRow)`
    WITH RECURSIVE step AS (
      SELECT s.path, s.generation, s.file_id, s.folder, 1 AS number
      FROM (${nextStep(namespace, query, toStart(query))}) s
      UNION ALL
      SELECT n.path, n.generation, n.file_id, n.folder, e.number + 1
      FROM step e CROSS JOIN LATERAL (${nextStep(namespace, query, afterStep)}) n
      WHERE e.number < ${stepsMax}
    )
    SELECT e.folder, e.path AS entry_path, e.generation AS entry_generation, f.*
    FROM step e LEFT JOIN LATERAL (
      SELECT ${fileColumns} FROM file f WHERE f.namespace = ${namespace} AND f.file_id = e.file_id AND e.folder IS NULL
        AND (f.delete_time IS NULL OR ${fileIsRestorable}) OFFSET 0
    ) f ON true
    ORDER BY e.number`);
  const entries = rows.slice(0, query.limit).flatMap(toEntry);
  const last = rows[query.limit - 1];
  return { entries, next: rows.length > query.limit && last !== undefined ? toCursor(last) : undefined };
}

function toEntry(row: StepRow): FolderEntry[] {
  if (row.folder !== null) return [{ kind: "folder", path: row.folder }];
  return row.file_id === null ? [] : [{ kind: "file", file: toFile(row) }];
}

function toCursor({ folder, entry_path: path, entry_generation: generation }: StepRow): FileCursor {
  return folder === null ? { path, generation } : toEntryCursor({ kind: "folder", path: folder });
}

/** Where a page begins. */
function toStart({ prefix, after }: FolderQuery): SqlFragment {
  if (after === undefined) return sql.fragment`f.path >= ${prefix}`;
  if (!("path" in after)) throw new Error("a cursor in another order was given for a folder");
  const { path, generation } = after;
  // "0" is the character after "/".
  if (path.endsWith(FOLDER_DELIMITER)) return sql.fragment`f.path >= ${`${path.slice(0, -1)}0`}`;
  return sql.fragment`f.path >= ${path} AND (f.path, f.generation) > (${path}, ${generation}::bigint)`;
}

const afterStep = sql.fragment`f.path >= coalesce(left(e.folder, -1) || '0', e.path)
  AND (f.path, f.generation) > (e.path, e.generation)`;

/** The first file that meets a bound, with the folder that it is in, seen from the prefix. */
function nextStep(namespace: string, { prefix, showDeleted }: FolderQuery, bound: SqlFragment): SqlFragment {
  const end = toPrefixEnd(prefix);
  const within = end === undefined ? sql.fragment`true` : sql.fragment`f.path < ${end}`;
  const first = (kept: SqlFragment) => sql.fragment`
    SELECT f.path, f.generation, f.file_id FROM file f
    WHERE f.namespace = ${namespace} AND ${kept} AND ${within} AND f.path >= ${prefix} AND ${bound}
    ORDER BY f.path, f.generation LIMIT 1`;
  const live = sql.fragment`(${first(fileIsLive)})`;
  const deleted = sql.fragment`(${first(sql.fragment`(f.supersede_time IS NULL AND f.delete_time IS NOT NULL)`)})`;
  const from = showDeleted ? sql.fragment`${live} UNION ALL ${deleted}` : live;
  const rest = sql.fragment`substr(s.path, length(${prefix}) + 1)`;
  return sql.fragment`
    SELECT s.path, s.generation, s.file_id, CASE WHEN strpos(${rest}, ${FOLDER_DELIMITER}) > 0
      THEN left(s.path, length(${prefix}) + strpos(${rest}, ${FOLDER_DELIMITER})) END AS folder
    FROM (${from}) s ORDER BY s.path, s.generation LIMIT 1`;
}
