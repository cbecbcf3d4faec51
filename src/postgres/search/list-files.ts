import { type CommonQueryMethods, sql } from "slonik";
import { type FileCursor, PATH_ORDER } from "../../domain/files/file-order.ts";
import type { FilePage, FileQuery } from "../../domain/files/file-repository.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import type { StatementShapes } from "../pool/statement-shapes.ts";
import { fileColumns, fileIsLive, fileIsRestorable } from "../rows/file-rows.ts";
import { countTerms, toConjuncts } from "./compile-filter.ts";
import { chooseDriver, type FileDriver, findDrivers, findWords } from "./file-drivers.ts";
import { toCursor, toSqlOrder } from "./file-orders.ts";
import { type FileScan, orNull, readRows, toAfter, toCondition, toFilePage } from "./file-scan.ts";
import { toBounds, toPathRange } from "./filter-bounds.ts";
import { chooseLabelWay, findLabels, gatherLabel, type LabelWay, walkLabel } from "./label-rows.ts";
import { listWordSpans } from "./list-word-spans.ts";
import type { StatisticsCache } from "./table-statistics.ts";

/** Rows of an index that one page reads, where the index holds everything that is asked for. */
export const WALK_ROWS_MAX = 5_000;
/** Files that one page reads: each is a row of the table, at any place. */
export const WALK_FILES_MAX = 5_000;
/** Both limits are for filters of so many terms; a page of a filter with ten times as many terms reads a tenth of them. */
export const WALK_TERMS = 5;

/** The pool that lists are read from, and the statistics that are kept from one list to the next. */
export interface SearchAccess {
  pool: CommonQueryMethods;
  statistics: Pick<StatisticsCache, "get">;
  shapes: StatementShapes;
}

/**
 * FileRepository.list. Every way reads an index from a cursor on, and a bounded number of its rows, whatever the
 * statistics of the planner say; they only say which way is the shortest:
 *
 * - gather: where an index leaves few files (it counts them first), all of these are read and put in order;
 * - else by label: its rows in the order of the answer, or those of a size or time; a file is read only when they leave it;
 * - else by words, in the order of times of creation: the files of one span of time after the other;
 * - else by order: files in the order of the answer.
 *
 * The last row that may be looked at is selected even if it does not match, so that the next page goes on from there.
 */
export async function listFiles(
  { pool, statistics: cache, shapes }: SearchAccess,
  namespace: string,
  query: FileQuery,
): Promise<FilePage> {
  const order = query.order ?? PATH_ORDER;
  const share = 1 / Math.ceil(Math.max(1, countTerms(query.filter) / WALK_TERMS));
  const scan: FileScan = {
    namespace,
    query,
    order,
    shapes,
    state: query.showDeleted ? isListedDeleted : fileIsLive,
    filesMax: Math.ceil(WALK_FILES_MAX * share),
    rowsMax: Math.ceil(WALK_ROWS_MAX * share),
  };
  // A list without any condition has one way only.
  if (query.filter === undefined && query.prefix === "") return await readPage(pool, scan, walkOrder(scan));
  const statistics = await cache.get(pool);
  const drivers = findDrivers(query, order, statistics);
  const driver = await chooseDriver(pool, namespace, { drivers, filesMax: scan.filesMax });
  const gathered = driver && (await readGathered(pool, scan, gather(scan, driver)));
  if (gathered !== undefined) return gathered;
  const labels = findLabels(toConjuncts(query.filter));
  const way = chooseLabelWay(statistics, scan, labels);
  const byLabel = way && (await readLabel(pool, scan, way));
  if (byLabel !== undefined) return byLabel;
  const words = findWords(toConjuncts(query.filter));
  const bySpans = await listWordSpans(pool, scan, { statistics, words });
  return bySpans ?? (await readPage(pool, scan, walkOrder(scan)));
}

/** The condition that a file is live, or deleted and still restorable. */
const isListedDeleted = sql.fragment`(f.delete_time IS NULL OR ${fileIsRestorable})`;

/** The page of a walk; the next page goes on where this one had to stop. */
async function readPage(pool: CommonQueryMethods, scan: FileScan, statement: SqlFragment): Promise<FilePage> {
  const { query, order } = scan;
  const rows = await readRows(pool, scan, statement);
  const last = rows.at(-1);
  const end: FileCursor | undefined = last?.is_end ? toCursor(last, order) : undefined;
  return toFilePage(rows, { order, limit: query.limit, end });
}

/** The page of the gathered files; undefined when there were too many, so that some are missing. */
async function readGathered(
  pool: CommonQueryMethods,
  scan: FileScan,
  statement: SqlFragment,
): Promise<FilePage | undefined> {
  const { query, order } = scan;
  const rows = await readRows(pool, scan, statement);
  if (rows[0]?.is_end) return undefined;
  return toFilePage(rows, { order, limit: query.limit, end: undefined });
}

async function readLabel(pool: CommonQueryMethods, scan: FileScan, way: LabelWay): Promise<FilePage | undefined> {
  if (way.kind === "gather") {
    const page = await readGathered(pool, scan, gatherLabel(scan, way.label, way.by));
    if (page !== undefined || scan.order.field === "update_time") return page;
  }
  return await readPage(pool, scan, walkLabel(scan, way.label));
}

/** All files that a driver leaves, in order. When there are more than `filesMax` the first row is the end. */
function gather(scan: FileScan, driver: FileDriver): SqlFragment {
  const { namespace, query, filesMax } = scan;
  const order = toSqlOrder(scan.order, { isLive: !query.showDeleted });
  // The files come by the index that has counted them, whatever the planner expects; the index of words has no order.
  // OFFSET 0 keeps the limit and the order of the answer away from the choice of the index.
  const all =
    driver.order === undefined ? sql.fragment`OFFSET 0` : sql.fragment`ORDER BY ${driver.order} LIMIT ${filesMax + 1}`;
  const condition = sql.and([toCondition(scan), ...toPathRange(query, sql.fragment`f`), ...toAfter(scan)]);
  const isBeyond = sql.fragment`f.step > ${filesMax}`;
  return sql.fragment`
    SELECT ${fileColumns}, ${order.value} AS sort_value, ${orNull(isBeyond)} AS is_end, ${orNull(isBeyond)} AS is_other
    FROM (SELECT f.*, row_number() OVER () AS step FROM (
      SELECT f.* FROM file f WHERE f.namespace = ${namespace} AND f.supersede_time IS NULL AND ${driver.condition} ${all}
    ) f LIMIT ${filesMax + 1}) f
    WHERE ${isBeyond} OR ${condition}
    ORDER BY ${isBeyond} DESC, ${order.by} LIMIT ${query.limit + 1}`;
}

function walkOrder(scan: FileScan): SqlFragment {
  const { query, filesMax } = scan;
  const order = toSqlOrder(scan.order, { isLive: !query.showDeleted });
  const path = scan.order.field === "path" ? [] : toPathRange(query, sql.fragment`f`);
  const condition = sql.and([toCondition(scan), ...path]);
  const isEnd = sql.fragment`f.step = ${filesMax}`;
  return sql.fragment`
    SELECT ${fileColumns}, ${order.value} AS sort_value, ${orNull(isEnd)} AS is_end,
      ${orNull(sql.fragment`NOT f.matches`)} AS is_other
    FROM (SELECT f.*, row_number() OVER (ORDER BY ${order.by}) AS step, ${condition} AS matches
      FROM (${walked(scan, order.by)}) f) f
    WHERE f.matches OR ${isEnd}
    ORDER BY ${order.by} LIMIT ${query.limit + 1}`;
}

/** The files that a page may look at, by the index of its order. Each of these holds no other files. */
function walked(scan: FileScan, by: SqlFragment): SqlFragment {
  const { namespace, query, order } = scan;
  const alias = sql.fragment`f`;
  const walk = (kept: SqlFragment, range: readonly SqlFragment[]) => sql.fragment`
    SELECT f.* FROM file f WHERE ${sql.and([sql.fragment`f.namespace = ${namespace}`, kept, ...range, ...toAfter(scan)])}
    ORDER BY ${by} LIMIT ${scan.filesMax}`;
  if (order.field !== "path")
    return walk(sql.fragment`f.supersede_time IS NULL`, toBounds(toConjuncts(query.filter), order.field, alias));
  const range = toPathRange(query, alias);
  if (!query.showDeleted) return walk(fileIsLive, range);
  const isDeleted = sql.fragment`(f.supersede_time IS NULL AND f.delete_time IS NOT NULL)`;
  return sql.fragment`
    SELECT f.* FROM ((${walk(fileIsLive, range)}) UNION ALL (${walk(isDeleted, range)})) f
    ORDER BY ${by} LIMIT ${scan.filesMax}`;
}
