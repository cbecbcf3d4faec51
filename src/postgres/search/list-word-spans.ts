import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileCursor } from "../../domain/files/file-order.ts";
import type { FilePage } from "../../domain/files/file-repository.ts";
import type { SearchWord } from "../../domain/files/search-words.ts";
import { type SqlFragment, toTimestamp } from "../pool/sql-values.ts";
import { fileColumns } from "../rows/file-rows.ts";
import { toConjuncts } from "./compile-filter.ts";
import { toSqlOrder } from "./file-orders.ts";
import { type FileScan, readRows, toAfter, toCondition, toFilePage } from "./file-scan.ts";
import { toPathRange, toValueRange } from "./filter-bounds.ts";
import type { TableStatistics } from "./table-statistics.ts";
import { estimateSpanFiles, planSpans, type SpanSearch, toSpanWords } from "./word-spans.ts";

/** Ids before and after all others: with a time they make a cursor between that time and the one beside it. */
const FILE_ID_FIRST = "00000000-0000-0000-0000-000000000000";
const FILE_ID_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const endsRow = z.object({ newest: z.int().nullable(), oldest: z.int().nullable() });

/**
 * A page of files that hold words, in the order of the times of creation, by the index of words in spans of time. Undefined
 * where there are no whole words, in another order, and where the words are so common that it takes less to read files in
 * their order.
 */
export async function listWordSpans(
  pool: CommonQueryMethods,
  scan: FileScan,
  { statistics, words }: { statistics: TableStatistics; words: readonly SearchWord[] },
): Promise<FilePage | undefined> {
  const { namespace, query, order } = scan;
  if (order.field !== "create_time" || toSpanWords(statistics, words).length === 0) return undefined;
  const { newest, oldest } = await pool.one(sql.prepared("file_time_ends", endsRow)`${selectEnds(scan)}`);
  if (newest === null || oldest === null) return { files: [], cursors: [], next: undefined };
  const { isDescending } = order;
  const search: SpanSearch = { words, namespace, isDescending, newest, oldest, limit: query.limit + 1 };
  if (isWalkShorter(statistics, search)) return undefined;
  const plan = planSpans(statistics, search);
  const rows = await readRows(pool, scan, gatherSpans(scan, plan.queries));
  const end = plan.end === undefined ? undefined : toEnd(plan.end, isDescending);
  return toFilePage(rows, { order, limit: query.limit, end });
}

/** The times of the newest and the oldest file that are still to come: nothing is searched beyond them. */
function selectEnds({ namespace, query }: FileScan): SqlFragment {
  const { from, to } = toValueRange(toConjuncts(query.filter), "create_time") ?? {};
  const cursor = query.after !== undefined && "value" in query.after ? query.after.value : undefined;
  const isDescending = query.order?.isDescending === true;
  const bounds = [
    [from, isDescending ? undefined : cursor].filter((bound) => bound !== undefined),
    [to, isDescending ? cursor : undefined].filter((bound) => bound !== undefined),
  ] as const;
  const start = toTimestamp(Math.max(Number.MIN_SAFE_INTEGER, ...bounds[0]));
  const end = toTimestamp(Math.min(Number.MAX_SAFE_INTEGER, ...bounds[1]));
  const first = (direction: SqlFragment) => sql.fragment`(
    SELECT (extract(epoch FROM f.create_time) * 1000000)::bigint FROM file f
    WHERE f.namespace = ${namespace} AND f.supersede_time IS NULL AND f.create_time >= ${start} AND f.create_time <= ${end}
    ORDER BY f.create_time ${direction}, f.file_id ${direction} LIMIT 1)`;
  return sql.fragment`SELECT ${first(sql.fragment`DESC`)} AS newest, ${first(sql.fragment`ASC`)} AS oldest`;
}

function isWalkShorter(statistics: TableStatistics, search: SpanSearch): boolean {
  const part = search.words.reduce((product, word) => product * statistics.wordPart(word), 1);
  const walked = search.limit / Math.max(part * statistics.namespacePart(search.namespace), Number.MIN_VALUE);
  return walked <= estimateSpanFiles(statistics, search);
}

/** Span after span, until the page is full: a nested loop, whose inner side has the index of words and no other choice. */
function gatherSpans(scan: FileScan, queries: readonly string[]): SqlFragment {
  const { namespace, query } = scan;
  const order = toSqlOrder(scan.order, { isLive: !query.showDeleted });
  const condition = sql.and([toCondition(scan), ...toPathRange(query, sql.fragment`f`), ...toAfter(scan)]);
  return sql.fragment`
    SELECT ${fileColumns}, ${order.value} AS sort_value, NULL::boolean AS is_end, NULL::boolean AS is_other
    FROM unnest(${sql.array([...queries], "text")}) WITH ORDINALITY AS span (words, number)
    CROSS JOIN LATERAL (
      SELECT f.* FROM (
        SELECT f.* FROM file f
        WHERE f.namespace = ${namespace} AND f.supersede_time IS NULL
          AND file_search_spans(f.search_words, f.create_time) @@ span.words::tsquery OFFSET 0
      ) f
      WHERE ${condition} ORDER BY ${order.by} LIMIT ${query.limit + 1}
    ) f
    ORDER BY span.number, ${order.by} LIMIT ${query.limit + 1}`;
}

/** A cursor at a time: in the order of the page, every file before it is not older (or not younger) than that time. */
function toEnd(microseconds: number, isDescending: boolean): FileCursor {
  return isDescending
    ? { value: microseconds, fileId: FILE_ID_FIRST }
    : { value: microseconds - 1, fileId: FILE_ID_LAST };
}
