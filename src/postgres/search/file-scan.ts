import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileCursor, FileOrder } from "../../domain/files/file-order.ts";
import type { FilePage, FileQuery } from "../../domain/files/file-repository.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import type { StatementShapes } from "../pool/statement-shapes.ts";
import { fileRow, toFile } from "../rows/file-rows.ts";
import { compileFilter } from "./compile-filter.ts";
import { toCursor, toSqlOrder } from "./file-orders.ts";

/** One listing, with the bounds of its page. `state` is which of `file f` are shown. */
export interface FileScan {
  namespace: string;
  query: FileQuery;
  order: FileOrder;
  state: SqlFragment;
  /** Files that the page looks at: each is a row of the table, somewhere. */
  filesMax: number;
  shapes: StatementShapes;
  /** Rows of an index that it looks at, where the index holds all that is asked for. */
  rowsMax: number;
}

/**
 * A row of a page: of a file that matches, or the one at which the statement had to end. What most rows have no use for is
 * NULL, which costs neither side anything: a page is of a hundred rows.
 */
const scannedRow = fileRow.extend({
  sort_value: z.int().nullable(),
  /** Here the statement had to end, whatever follows. */
  is_end: z.literal(true).nullable(),
  /** It is here as the end alone, and does not match. */
  is_other: z.literal(true).nullable(),
});
/** The same, parsed. */
export type ScannedRow = z.infer<typeof scannedRow>;

/** What follows the first row of a statement has its columns. */
const furtherRow = z.custom<ScannedRow>();

/** True, or NULL. */
export function orNull(condition: SqlFragment): SqlFragment {
  return sql.fragment`NULLIF(${condition}, false)`;
}

/** The rows of a statement that selects `scannedRow`s, prepared where its shape comes often. Of a hundred rows of one statement, the first is checked for all. */
export async function readRows(
  pool: CommonQueryMethods,
  { shapes }: FileScan,
  statement: SqlFragment,
): Promise<readonly ScannedRow[]> {
  const query = sql.type(furtherRow)`${statement}`;
  const name = shapes.nameOf(query.sql);
  const rows = await pool.any(name === undefined ? query : sql.prepared(name, furtherRow)`${statement}`);
  if (rows[0] !== undefined) scannedRow.parse(rows[0]);
  return rows;
}

/** Everything that is asked of a file, without its place in the order. */
export function toCondition({ query, state }: FileScan): SqlFragment {
  const filter = query.filter === undefined ? undefined : compileFilter(query.filter);
  return sql.and([state, ...(filter === undefined ? [] : [filter])]);
}

/** That `file f` comes after the page before. */
export function toAfter({ query, order }: FileScan): SqlFragment[] {
  return query.after === undefined ? [] : [toSqlOrder(order, { isLive: !query.showDeleted }).after(query.after)];
}

/** The page that rows, in its order, make; `end` is where the next begins when they do not fill it. */
export function toFilePage(
  rows: readonly ScannedRow[],
  { order, limit, end }: { order: FileOrder; limit: number; end: FileCursor | undefined },
): FilePage {
  const matching = rows.filter((row) => row.is_other === null);
  const shown = matching.slice(0, limit);
  const cursors = shown.map((row) => toCursor(row, order));
  return { files: shown.map(toFile), cursors, next: matching.length > limit ? cursors.at(-1) : end };
}
