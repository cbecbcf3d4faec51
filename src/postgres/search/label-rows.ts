import { sql } from "slonik";
import type { FileCursor, FileOrder } from "../../domain/files/file-order.ts";
import type { FileFilter } from "../../domain/filter/file-filter.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { fileColumns } from "../rows/file-rows.ts";
import { compileFilter, LABEL_COLUMNS, toConjuncts } from "./compile-filter.ts";
import { isPathAfter, isValueAfter, toSqlOrder } from "./file-orders.ts";
import { type FileScan, toCondition } from "./file-scan.ts";
import { type RangedField, toBounds, toPathRange, toValueRange } from "./filter-bounds.ts";
import { partBetween, type TableStatistics } from "./table-statistics.ts";

/** A label that all files of an answer have. */
export interface FileLabel {
  name: string;
  value: string;
}

/** So many labels of a filter are considered. */
const LABELS_MAX = 4;
/** Part of the rows that a condition is taken to leave when nothing is known of it. */
const OTHER_PART = 1 / 3;
/** Reading a file costs as much as reading so many rows of an index. */
const FILE_ROWS = 5;

/**
 * A way to read the rows of a label: in the order of the answer, until the page is full; or all of them that lie between the
 * bounds of a filter, and then in the order of the answer. `rows` is how many it is expected to read.
 */
export type LabelWay = { label: FileLabel; rows: number } & ({ kind: "walk" } | { kind: "gather"; by?: RangedField });

/** The file of a row `l`: looked up by its id, whatever the planner expects. */
function fileOfRow({ namespace }: FileScan): SqlFragment {
  return sql.fragment`
    CROSS JOIN LATERAL (SELECT f.* FROM file f WHERE f.namespace = ${namespace} AND f.file_id = l.file_id OFFSET 0) f`;
}

/** The labels that a filter asks for. */
export function findLabels(conjuncts: readonly FileFilter[]): FileLabel[] {
  return conjuncts
    .flatMap((part) => {
      if (part.kind !== "text" || typeof part.field === "string" || part.field.map !== "labels") return [];
      return part.comparison === "=" ? [{ name: part.field.name, value: part.value }] : [];
    })
    .slice(0, LABELS_MAX);
}

/** The way that is expected to read the fewest rows; one that gathers is expected to read no more than a page may. */
export function chooseLabelWay(
  statistics: TableStatistics,
  scan: FileScan,
  labels: readonly FileLabel[],
): LabelWay | undefined {
  const { query, order, rowsMax } = scan;
  const conjuncts = toConjuncts(query.filter);
  const ways = labels.flatMap((label): LabelWay[] => {
    const all = statistics.labels * statistics.labelPart(label.value);
    const others = conjuncts.filter((part) => !isLabel(part, label));
    const isCovered = others.every((part) => compileFilter(part, LABEL_COLUMNS) !== undefined);
    const ranges = RANGED.flatMap((field) => {
      const range = toValueRange(others, field);
      return range === undefined ? [] : [{ field, part: partBetween(statistics, field, range) }];
    });
    const otherPart = others.reduce((product, part) => product * estimatePart(statistics, part), 1);
    const matchPart = ranges.reduce((product, { part }) => product * part, otherPart);
    const walked = Math.min(all, query.limit / Math.max(matchPart, Number.MIN_VALUE)) * (isCovered ? 1 : FILE_ROWS);
    // Those that gather put a row at its place afterwards.
    const gathered = (rows: number) => rows * (isCovered && order.field !== "update_time" ? 1.5 : FILE_ROWS);
    const walk: LabelWay[] = order.field === "update_time" ? [] : [{ kind: "walk", label, rows: walked }];
    const gather: LabelWay[] = [
      { kind: "gather", label, rows: gathered(all) },
      ...ranges.map(({ field, part }) => ({ kind: "gather" as const, label, by: field, rows: gathered(all * part) })),
    ];
    return [...walk, ...gather.filter((way) => way.rows <= rowsMax)];
  });
  return ways.sort((a, b) => a.rows - b.rows)[0];
}

const RANGED = ["create_time", "size_bytes"] as const;

/** The part of the rows that a condition leaves which is no range. */
function estimatePart(statistics: TableStatistics, part: FileFilter): number {
  if (part.kind === "words") return part.words.reduce((product, word) => product * statistics.wordPart(word), 1);
  const [label] = findLabels([part]);
  if (label !== undefined)
    return Math.min(1, (statistics.labels * statistics.labelPart(label.value)) / Math.max(1, statistics.files));
  return (toValueRange([part], "create_time") ?? toValueRange([part], "size_bytes")) ? 1 : OTHER_PART;
}

/** Rows of a label in the order of the answer, from a cursor on; a file is read only when they leave it. */
export function walkLabel(scan: FileScan, label: FileLabel): SqlFragment {
  const { query, order } = scan;
  const { by, after } = toLabelOrder(order);
  const path = toPathRange(query, sql.fragment`l`);
  const range = sql.and([
    isOfLabel(scan, label),
    ...(order.field === "path"
      ? path
      : toBounds(toConjuncts(query.filter), order.field as RangedField, sql.fragment`l`)),
    ...(query.after === undefined ? [] : [after(query.after)]),
  ]);
  const { inKey, isCovered } = splitCondition(scan, label);
  const rowsMax = isCovered ? scan.rowsMax : scan.filesMax;
  const kept = sql.and([...inKey, ...(order.field === "path" ? [] : path)]);
  const rows = sql.fragment`SELECT l.* FROM file_label l WHERE ${range} ORDER BY ${by}`;
  const columns = sql.fragment`${fileColumns}, ${toSqlOrder(order, { isLive: false }).value} AS sort_value`;
  // The row where it has to stop is looked for when the page is not full: to number all rows takes longer than to read them.
  return sql.fragment`
    WITH page AS MATERIALIZED (
      SELECT ${columns}, NULL::boolean AS is_end, NULL::boolean AS is_other
      FROM (SELECT l.* FROM (${rows} LIMIT ${rowsMax}) l WHERE ${kept}) l ${fileOfRow(scan)}
      WHERE ${toCondition(scan)}
      ORDER BY ${by} LIMIT ${query.limit + 1}
    )
    SELECT * FROM page
    UNION ALL
    SELECT ${columns}, true, true
    FROM (${rows} OFFSET ${rowsMax - 1} LIMIT 1) l ${fileOfRow(scan)}
    WHERE (SELECT count(*) FROM page) <= ${query.limit}`;
}

/**
 * Rows of a label, those between the bounds of a filter to a size or time where `by` says so, put in the order of the answer.
 * When there are more than `rowsMax` the first row of the answer is the end, and the rest is not whole.
 */
export function gatherLabel(scan: FileScan, label: FileLabel, by: RangedField | undefined): SqlFragment {
  const { query, order, rowsMax } = scan;
  const bounds = by === undefined ? [] : toBounds(toConjuncts(query.filter), by, sql.fragment`l`);
  // By its own index, whatever the planner expects.
  const gathered =
    by === undefined ? sql.fragment`l.path, l.generation` : sql.fragment`l.${sql.identifier([by])}, l.file_id`;
  const { inKey, isCovered } = splitCondition(scan, label);
  const inOrder = toSqlOrder(order, { isLive: false });
  const isByChange = order.field === "update_time";
  const isAfter = isByChange || query.after === undefined ? [] : [toLabelOrder(order).after(query.after)];
  const isLate = isByChange && query.after !== undefined ? [inOrder.after(query.after)] : [];
  const put = isByChange ? inOrder.by : toLabelOrder(order).by;
  const kept = sql.and([...inKey, ...toPathRange(query, sql.fragment`l`), ...isAfter]);
  const condition = sql.and([toCondition(scan), ...isLate]);
  // Where the rows say all that is asked for, a page of them is a page of files, and sorting stops there.
  const first = isCovered && !query.showDeleted ? sql.fragment`LIMIT ${query.limit + 1}` : sql.fragment``;
  const sorted = isByChange ? sql.fragment`OFFSET 0` : sql.fragment`ORDER BY ${put} ${first}`;
  const columns = sql.fragment`${fileColumns}, ${inOrder.value} AS sort_value`;
  // The row beyond is looked for by itself: to number all rows takes longer.
  return sql.fragment`
    WITH gathered AS MATERIALIZED (
      SELECT l.file_id, l.path, l.generation, l.size_bytes, l.create_time, l.is_deleted
      FROM file_label l WHERE ${sql.and([isOfLabel(scan, label), ...bounds])} ORDER BY ${gathered} LIMIT ${rowsMax + 1}
    )
    SELECT ${columns}, true AS is_end, true AS is_other
    FROM (SELECT l.* FROM gathered l OFFSET ${rowsMax} LIMIT 1) l ${fileOfRow(scan)}
    UNION ALL
    (SELECT ${columns}, NULL::boolean, NULL::boolean
    FROM (SELECT l.* FROM gathered l WHERE ${kept} ${sorted}) l ${fileOfRow(scan)}
    WHERE ${condition}
    ORDER BY ${put} LIMIT ${query.limit + 1})`;
}

function isOfLabel({ namespace }: FileScan, { name, value }: FileLabel): SqlFragment {
  return sql.fragment`l.namespace = ${namespace} AND l.name = ${name} AND l.value = ${value}`;
}

/** What the rows of a label can say of a filter, and whether that is all of it. */
function splitCondition({ query }: FileScan, label: FileLabel): { inKey: SqlFragment[]; isCovered: boolean } {
  const parts = toConjuncts(query.filter).filter((part) => !isLabel(part, label));
  const inKey = parts.map((part) => compileFilter(part, LABEL_COLUMNS)).filter((part) => part !== undefined);
  const shown = query.showDeleted ? sql.fragment`true` : sql.fragment`NOT l.is_deleted`;
  return { inKey: [shown, ...inKey], isCovered: inKey.length === parts.length };
}

function isLabel(part: FileFilter, { name, value }: FileLabel): boolean {
  const [label] = findLabels([part]);
  return label?.name === name && label.value === value;
}

/** An order of `file_label l`; there is none of times of change. */
function toLabelOrder(order: FileOrder): { by: SqlFragment; after(cursor: FileCursor): SqlFragment } {
  const direction = order.isDescending ? sql.fragment`DESC` : sql.fragment`ASC`;
  if (order.field === "path") {
    return {
      by: sql.fragment`l.path ${direction}, l.generation ${direction}`,
      after: (cursor) => isPathAfter(sql.fragment`l`, cursor, order),
    };
  }
  return {
    by: sql.fragment`l.${sql.identifier([order.field])} ${direction}, l.file_id ${direction}`,
    after: (cursor) => isValueAfter(sql.fragment`l`, cursor, order),
  };
}
