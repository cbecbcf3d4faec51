import { sql } from "slonik";
import type { SqlFragment } from "./sql-values.ts";

/** Pages of a list in the order of a time and then of an id: `time` and `id` are SQL, and the rows have the time as text in `due`. */
export interface TimedOrder {
  time: SqlFragment;
  id: SqlFragment;
}

/** Whether a row comes behind a place that `toNext` gave; all rows do behind "". */
export function isBehind({ time, id }: TimedOrder, after: string): SqlFragment {
  const [, afterTime, afterId] = /^(.+) ([0-9a-f-]{36})$/.exec(after) ?? [];
  if (afterTime === undefined || afterId === undefined) return sql.fragment`true`;
  return sql.fragment`(${time}, ${id}) > (${afterTime}::timestamptz, ${afterId}::uuid)`;
}

/** The place where the page behind these rows begins; "" when they are fewer than `limit`, because no row follows then. */
export function toNext<T extends { due: string }>(rows: readonly T[], limit: number, toId: (row: T) => string): string {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? "" : `${last.due} ${toId(last)}`;
}
