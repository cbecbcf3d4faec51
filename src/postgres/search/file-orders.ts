import { sql } from "slonik";
import { type FileCursor, type FileOrder, toPathCursor } from "../../domain/files/file-order.ts";
import { type SqlFragment, toTimestamp } from "../pool/sql-values.ts";

/** An order of `file f` in SQL; each has an index of its own. */
export interface SqlOrder {
  /** The text after ORDER BY. */
  by: SqlFragment;
  /** The condition that a file comes after a cursor. */
  after(cursor: FileCursor): SqlFragment;
  /** A column that `toCursor` needs, NULL in the order of paths. */
  value: SqlFragment;
}

/**
 * An order in SQL. Where only live files are listed, a path has one file. The order then leaves the generation out, because
 * it is that of the index of live files, which holds no deleted files to step over.
 */
export function toSqlOrder(order: FileOrder, { isLive }: { isLive: boolean }): SqlOrder {
  const direction = order.isDescending ? sql.fragment`DESC` : sql.fragment`ASC`;
  if (order.field === "path" && isLive) {
    const beyond = order.isDescending ? sql.fragment`<` : sql.fragment`>`;
    return {
      by: sql.fragment`f.path ${direction}`,
      after: (cursor) => sql.fragment`f.path ${beyond} ${toPath(cursor).path}`,
      value: sql.fragment`NULL::bigint`,
    };
  }
  if (order.field === "path") {
    return {
      by: sql.fragment`f.path ${direction}, f.generation ${direction}`,
      after: (cursor) => isPathAfter(sql.fragment`f`, cursor, order),
      value: sql.fragment`NULL::bigint`,
    };
  }
  const column = sql.fragment`f.${sql.identifier([order.field])}`;
  const isTime = order.field !== "size_bytes";
  return {
    by: sql.fragment`${column} ${direction}, f.file_id ${direction}`,
    after: (cursor) => isValueAfter(sql.fragment`f`, cursor, order),
    value: isTime ? sql.fragment`(extract(epoch FROM ${column}) * 1000000)::bigint` : column,
  };
}

/** The condition that a row with a file's id, under that alias, comes after a cursor in an order other than that of paths. */
export function isValueAfter(alias: SqlFragment, cursor: FileCursor, { field, isDescending }: FileOrder): SqlFragment {
  if (!("value" in cursor)) throw new Error("a cursor in the order of paths was given for another order");
  const value = field === "size_bytes" ? sql.fragment`${cursor.value}::bigint` : toTimestamp(cursor.value);
  const beyond = isDescending ? sql.fragment`<` : sql.fragment`>`;
  const row = sql.fragment`(${alias}.${sql.identifier([field])}, ${alias}.file_id)`;
  return sql.fragment`${row} ${beyond} (${value}, ${cursor.fileId}::uuid)`;
}

/** The condition that a row with path and generation, under that alias, comes after a cursor in the order of paths. */
export function isPathAfter(alias: SqlFragment, cursor: FileCursor, { isDescending }: FileOrder): SqlFragment {
  const { path, generation } = toPath(cursor);
  const row = sql.fragment`(${alias}.path, ${alias}.generation)`;
  // The path alone as well: the planner knows its statistics, not those of rows.
  return isDescending
    ? sql.fragment`${alias}.path <= ${path} AND ${row} < (${path}, ${generation}::bigint)`
    : sql.fragment`${alias}.path >= ${path} AND ${row} > (${path}, ${generation}::bigint)`;
}

function toPath(cursor: FileCursor): { path: string; generation: number } {
  if ("path" in cursor) return cursor;
  throw new Error("a cursor in another order was given for the order of paths");
}

/** The cursor of a row that was selected with an order's `value`. */
export function toCursor(
  row: { path: string; generation: number; file_id: string; sort_value: number | null },
  order: FileOrder,
): FileCursor {
  if (order.field === "path") return toPathCursor(row);
  if (row.sort_value === null) throw new Error(`a row in the order of ${order.field} has no value of it`);
  return { value: row.sort_value, fileId: row.file_id };
}
