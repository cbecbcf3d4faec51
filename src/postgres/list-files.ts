import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { type FileOrder, PATH_ORDER } from "../domain/file-order.ts";
import type { FilePage, FileQuery } from "../domain/file-repository.ts";
import { compileFilter, countTerms, LABEL_COLUMNS, toConjuncts } from "./compile-filter.ts";
import { chooseDriver, type FileDriver, findDrivers, toBounds, toPathRange } from "./file-drivers.ts";
import { isPathAfter, toPosition, toSqlOrder } from "./file-orders.ts";
import { fileColumns, fileIsLive, fileIsRestorable, fileRow, toFile } from "./file-rows.ts";
import type { SqlFragment } from "./sql-values.ts";

/** Rows of an index that one page looks at, where the index holds all that is asked for. */
export const WALK_ROWS_MAX = 20_000;
/** Files that one page looks at: each is a row of the table, somewhere. */
export const WALK_FILES_MAX = 5_000;
/** Both are for filters of so many terms; a page of a filter with ten times as many looks at a tenth of that. */
export const WALK_TERMS = 5;

const listedRow = fileRow.extend({ sort_value: z.int(), step: z.int(), matches: z.boolean() });
type ListedRow = z.infer<typeof listedRow>;

/**
 * FileRepository.list. Every way reads an index from a position on, and a bounded number of its rows, whatever the
 * statistics of the planner say:
 *
 * - gather: where an index leaves few files (it counts them first), all of these are read and put in order;
 * - else by label: the rows of a label, which have the order of paths; a file is read only when they leave it;
 * - else by order: files in the order of the answer.
 *
 * The last row that may be looked at is selected even if it does not match, so that the next page goes on from there.
 */
export async function listFiles(pool: CommonQueryMethods, namespace: string, query: FileQuery): Promise<FilePage> {
  const order = query.order ?? PATH_ORDER;
  const share = 1 / Math.ceil(Math.max(1, countTerms(query.filter) / WALK_TERMS));
  const state = query.showDeleted ? isListedDeleted : fileIsLive;
  const scan: Scan = {
    namespace,
    query,
    order,
    state,
    filesMax: Math.ceil(WALK_FILES_MAX * share),
    rowsMax: Math.ceil(WALK_ROWS_MAX * share),
  };
  const drivers = findDrivers(query, order);
  const label = order.field === "path" ? drivers.find((driver) => driver.label !== undefined)?.label : undefined;
  const isLabelAlone = label !== undefined && drivers.length === 1;
  const driver =
    drivers.length === 0 || isLabelAlone
      ? undefined
      : await chooseDriver(pool, namespace, { drivers, filesMax: scan.filesMax });
  const { statement, rowsMax } =
    driver !== undefined ? gather(scan, driver) : label !== undefined ? walkLabel(scan, label) : walkOrder(scan);
  const rows = await pool.any(sql.type(listedRow)`${statement}`);
  return toPage(rows, { order, limit: query.limit, rowsMax });
}

/** One listing, with the bounds of its page. `state` is which of `file f` are shown. */
interface Scan {
  namespace: string;
  query: FileQuery;
  order: FileOrder;
  state: SqlFragment;
  filesMax: number;
  rowsMax: number;
}

interface Statement {
  statement: SqlFragment;
  /** The `step` at which it had to stop; undefined when it never has to. */
  rowsMax: number | undefined;
}

/** Live, or deleted and still restorable. */
const isListedDeleted = sql.fragment`(f.delete_time IS NULL OR ${fileIsRestorable})`;

/** Everything that is asked of a file, without its place in the order. */
function toCondition({ query, state }: Scan): SqlFragment {
  const filter = query.filter === undefined ? undefined : compileFilter(query.filter);
  return sql.and([state, ...(filter === undefined ? [] : [filter])]);
}

function gather(scan: Scan, driver: FileDriver): Statement {
  const { namespace, query } = scan;
  const order = toSqlOrder(scan.order, { isLive: !query.showDeleted });
  const { label } = driver;
  const condition =
    label === undefined
      ? driver.condition
      : sql.fragment`f.file_id = ANY (ARRAY(SELECT l.file_id FROM file_label l
          WHERE l.namespace = ${namespace} AND l.name = ${label.name} AND l.value = ${label.value}))`;
  const path = toPathRange(query, sql.fragment`f`);
  // By the index that has counted them, whatever the planner expects; text has no order. OFFSET 0 and the limit, far above
  // what was counted, keep the order of the answer away from the choice of the index.
  const all =
    label === undefined && driver.order !== undefined
      ? sql.fragment`ORDER BY ${driver.order} LIMIT ${WALK_ROWS_MAX}`
      : sql.fragment`OFFSET 0`;
  const statement = sql.fragment`
    SELECT ${fileColumns}, ${order.value} AS sort_value, 0 AS step, true AS matches
    FROM (SELECT f.* FROM file f
      WHERE f.namespace = ${namespace} AND f.supersede_time IS NULL AND ${condition} ${all}) f
    WHERE ${sql.and([toCondition(scan), ...(path === undefined ? [] : [path]), ...toAfter(scan)])}
    ORDER BY ${order.by} LIMIT ${query.limit + 1}`;
  return { statement, rowsMax: undefined };
}

function walkOrder(scan: Scan): Statement {
  const { query } = scan;
  const order = toSqlOrder(scan.order, { isLive: !query.showDeleted });
  const path = scan.order.field === "path" ? undefined : toPathRange(query, sql.fragment`f`);
  const condition = sql.and([toCondition(scan), ...(path === undefined ? [] : [path])]);
  const statement = sql.fragment`
    SELECT ${fileColumns}, ${order.value} AS sort_value, f.step, f.matches
    FROM (SELECT f.*, row_number() OVER (ORDER BY ${order.by}) AS step, ${condition} AS matches
      FROM (${walked(scan, order.by)}) f) f
    WHERE f.matches OR f.step = ${scan.filesMax}
    ORDER BY ${order.by} LIMIT ${query.limit + 1}`;
  return { statement, rowsMax: scan.filesMax };
}

/** The files that a page may look at, by the index of its order. Each of these holds no other files. */
function walked(scan: Scan, by: SqlFragment): SqlFragment {
  const { namespace, query, order } = scan;
  const walk = (kept: SqlFragment, range: readonly SqlFragment[]) => sql.fragment`
    SELECT f.* FROM file f WHERE ${sql.and([sql.fragment`f.namespace = ${namespace}`, kept, ...range, ...toAfter(scan)])}
    ORDER BY ${by} LIMIT ${scan.filesMax}`;
  if (order.field !== "path")
    return walk(sql.fragment`f.supersede_time IS NULL`, toBounds(toConjuncts(query.filter), order.field));
  const path = toPathRange(query, sql.fragment`f`);
  const range = path === undefined ? [] : [path];
  if (!query.showDeleted) return walk(fileIsLive, range);
  const isDeleted = sql.fragment`(f.supersede_time IS NULL AND f.delete_time IS NOT NULL)`;
  return sql.fragment`
    SELECT f.* FROM ((${walk(fileIsLive, range)}) UNION ALL (${walk(isDeleted, range)})) f
    ORDER BY ${by} LIMIT ${scan.filesMax}`;
}

function walkLabel(scan: Scan, label: { name: string; value: string }): Statement {
  const { namespace, query, order } = scan;
  const direction = order.isDescending ? sql.fragment`DESC` : sql.fragment`ASC`;
  const by = sql.fragment`l.path ${direction}, l.generation ${direction}`;
  const path = toPathRange(query, sql.fragment`l`);
  const range = sql.and([
    sql.fragment`l.namespace = ${namespace} AND l.name = ${label.name} AND l.value = ${label.value}`,
    ...(path === undefined ? [] : [path]),
    ...(query.after === undefined ? [] : [isPathAfter(sql.fragment`l`, query.after, order)]),
  ]);
  const parts = toConjuncts(query.filter).filter((part) => !isLabel(part, label));
  const covered = parts.map((part) => compileFilter(part, LABEL_COLUMNS));
  const inKey = covered.filter((part) => part !== undefined);
  const rowsMax = inKey.length === parts.length ? scan.rowsMax : scan.filesMax;
  const shown = query.showDeleted ? sql.fragment`true` : sql.fragment`NOT l.is_deleted`;
  const statement = sql.fragment`
    SELECT ${fileColumns}, 0::bigint AS sort_value, l.step, l.matches AND ${toCondition(scan)} AS matches
    FROM (SELECT l.file_id, l.path, l.generation, row_number() OVER (ORDER BY ${by}) AS step, ${sql.and([shown, ...inKey])} AS matches
      FROM (SELECT l.* FROM file_label l WHERE ${range} ORDER BY ${by} LIMIT ${rowsMax}) l) l
    CROSS JOIN LATERAL (SELECT f.* FROM file f WHERE f.file_id = l.file_id OFFSET 0) f
    WHERE (l.matches OR l.step = ${rowsMax}) AND (${toCondition(scan)} OR l.step = ${rowsMax})
    ORDER BY ${by} LIMIT ${query.limit + 1}`;
  return { statement, rowsMax };
}

function isLabel(
  part: ReturnType<typeof toConjuncts>[number],
  { name, value }: { name: string; value: string },
): boolean {
  if (part.kind !== "text" || typeof part.field === "string" || part.field.map !== "labels") return false;
  return part.comparison === "=" && part.field.name === name && part.value === value;
}

function toAfter({ query, order }: Scan): SqlFragment[] {
  return query.after === undefined ? [] : [toSqlOrder(order, { isLive: !query.showDeleted }).after(query.after)];
}

function toPage(
  rows: readonly ListedRow[],
  { order, limit, rowsMax }: { order: FileOrder; limit: number; rowsMax: number | undefined },
): FilePage {
  const matching = rows.filter((row) => row.matches);
  const shown = matching.slice(0, limit);
  const positions = shown.map((row) => toPosition(row, order));
  const lastRow = rows.at(-1);
  const isCut = matching.length <= limit && lastRow !== undefined && lastRow.step === rowsMax;
  const next = matching.length > limit ? positions.at(-1) : isCut ? toPosition(lastRow, order) : undefined;
  return { files: shown.map(toFile), positions, next };
}
