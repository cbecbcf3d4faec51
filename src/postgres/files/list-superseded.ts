import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { toPathCursor } from "../../domain/files/file-order.ts";
import type { FilePage, FileRepository } from "../../domain/files/file-repository.ts";
import { fileColumns, fileIsRestorable, fileRow, toFile } from "../rows/file-rows.ts";
import { compileFilter, countTerms } from "../search/compile-filter.ts";
import { toPathRange } from "../search/filter-bounds.ts";
import { WALK_FILES_MAX, WALK_TERMS } from "../search/list-files.ts";

const listedRow = fileRow.extend({ step: z.int(), matches: z.boolean() });

/**
 * FileRepository.listSuperseded: a walk over the index of superseded generations, which reads as many files a page as the
 * walk over a list; a page may be short, or empty, although others follow.
 */
export async function listSuperseded(
  pool: CommonQueryMethods,
  namespace: string,
  { filter, limit, after }: Parameters<FileRepository["listSuperseded"]>[1],
): Promise<FilePage> {
  const filesMax = Math.ceil(WALK_FILES_MAX / Math.ceil(Math.max(1, countTerms(filter) / WALK_TERMS)));
  const condition = filter && compileFilter(filter);
  const isMatch = sql.and([fileIsRestorable, ...(condition === undefined ? [] : [condition])]);
  const range = sql.and([sql.fragment`true`, ...toPathRange({ prefix: "", filter }, sql.fragment`f`)]);
  const rows = await pool.any(sql.type(listedRow)`
    SELECT ${fileColumns}, f.step, f.matches
    FROM (SELECT f.*, row_number() OVER (ORDER BY f.path, f.generation) AS step, ${isMatch} AS matches FROM (
      SELECT f.* FROM file f
      WHERE f.namespace = ${namespace} AND f.supersede_time IS NOT NULL AND f.purge_state IS NULL AND ${range}
        AND ${toAfter(after)}
      ORDER BY f.path, f.generation LIMIT ${filesMax}
    ) f) f
    WHERE f.matches OR f.step = ${filesMax}
    ORDER BY f.path, f.generation LIMIT ${limit + 1}`);
  const matching = rows.filter((row) => row.matches);
  const cursors = matching.slice(0, limit).map(toPathCursor);
  const last = rows.at(-1);
  const end = last !== undefined && last.step === filesMax ? toPathCursor(last) : undefined;
  return {
    files: matching.slice(0, limit).map(toFile),
    cursors,
    next: matching.length > limit ? cursors.at(-1) : end,
  };
}

function toAfter(after: Parameters<FileRepository["listSuperseded"]>[1]["after"]) {
  if (after === undefined) return sql.fragment`true`;
  if (!("path" in after)) throw new Error("a cursor in another order was given for superseded generations");
  const { path, generation } = after;
  return sql.fragment`f.path >= ${path} AND (f.path, f.generation) > (${path}, ${generation}::bigint)`;
}
