import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileOrder } from "../../domain/files/file-order.ts";
import type { FileQuery } from "../../domain/files/file-repository.ts";
import { type SearchWord, toSearchWords } from "../../domain/files/search-words.ts";
import type { FileFilter } from "../../domain/filter/file-filter.ts";
import { type SqlFragment, toLikePattern } from "../pool/sql-values.ts";
import { fileIsLive } from "../rows/file-rows.ts";
import { toConjuncts } from "./compile-filter.ts";
import { toBounds, toPathRange } from "./filter-bounds.ts";
import { findLabels } from "./label-rows.ts";
import type { TableStatistics } from "./table-statistics.ts";
import { toSpanQuery } from "./word-spans.ts";

/** A condition of a query whose files an index finds, in no order. */
export interface FileDriver {
  kind: FileOrder["field"] | "words" | "patterns" | "id" | "subject";
  /** The condition on `file f`. */
  condition: SqlFragment;
  /** The order of the index, by which its files are counted; undefined for words and patterns, whose indexes have no order. */
  order: SqlFragment | undefined;
}

/** Words that are expected in more files are not gathered: their index finds all of them before it gives the first. */
const WORD_FILES_MAX = 10_000;
/** The index of words is never asked for shorter beginnings of words. */
const PREFIX_CHARACTERS_MIN = 3;
/** Parts of patterns without this have no trigram that the index could look for. */
const TRIGRAM = /[A-Za-z0-9]{3}/;
/** Patterns that are estimated to be in more files are not counted, for the same reason. */
const PATTERN_FILES_MAX = 20_000;

/** The conditions of a query that have an index, but for that of its order; none for a query that asks for everything. */
export function findDrivers(query: FileQuery, order: FileOrder, statistics: TableStatistics): FileDriver[] {
  const conjuncts = toConjuncts(query.filter);
  return [
    ...findPath(query),
    ...findText(conjuncts, statistics),
    // Where a label is asked for, its rows have these columns, too.
    ...findRanges(
      conjuncts,
      findLabels(conjuncts).length > 0 ? ["update_time"] : ["create_time", "update_time", "size_bytes"],
    ),
    ...conjuncts.flatMap(toExact),
  ].filter(({ kind }) => kind !== order.field);
}

/** Live files alone have an index with all of their paths. */
function findPath(query: FileQuery): FileDriver[] {
  const range = query.showDeleted ? [] : toPathRange(query, sql.fragment`f`);
  if (range.length === 0) return [];
  return [{ kind: "path", condition: sql.and([fileIsLive, ...range]), order: sql.fragment`f.path` }];
}

function findText(conjuncts: readonly FileFilter[], statistics: TableStatistics): FileDriver[] {
  const words = findWords(conjuncts).filter((word) => isRare(word, statistics));
  if (words.length > 0) {
    const condition = sql.fragment`file_search_spans(f.search_words, f.create_time) @@ ${toSpanQuery(words, "")}::tsquery`;
    return [{ kind: "words", condition, order: undefined }];
  }
  const patterns = conjuncts.flatMap((part) => {
    const hasTrigram =
      part.kind === "like" && part.field === "path" && part.pieces.some((piece) => TRIGRAM.test(piece));
    return hasTrigram ? [sql.fragment`f.path LIKE ${toLikePattern(part.pieces)}`] : [];
  });
  return patterns.length === 0 ? [] : [{ kind: "patterns", condition: sql.and(patterns), order: undefined }];
}

/** There are many words with a short beginning, and each of them may be rare. */
function isRare(word: SearchWord, statistics: TableStatistics): boolean {
  if (word.isPrefix && word.text.length < PREFIX_CHARACTERS_MIN) return false;
  return statistics.files * statistics.wordPart(word) <= WORD_FILES_MAX;
}

/** Words that are in a file that matches: those asked for, and those of a value that is asked for whole. */
export function findWords(conjuncts: readonly FileFilter[]): SearchWord[] {
  return conjuncts.flatMap((part) => {
    if (part.kind === "words") return [...part.words];
    if (part.kind !== "text" || typeof part.field === "string" || part.field.map !== "metadata") return [];
    if (part.comparison !== "=") return [];
    return toSearchWords(part.value).map((text) => ({ text, isPrefix: false }));
  });
}

type TimeOrSize = Parameters<typeof toBounds>[1];

function findRanges(conjuncts: readonly FileFilter[], fields: readonly TimeOrSize[]): FileDriver[] {
  return fields.flatMap((field) => {
    const bounds = toBounds(conjuncts, field, sql.fragment`f`);
    if (bounds.length === 0) return [];
    return [{ kind: field, condition: sql.and(bounds), order: sql.fragment`f.${sql.identifier([field])}` }];
  });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function toExact(part: FileFilter): FileDriver[] {
  if (part.kind !== "text" || part.comparison !== "=") return [];
  if (part.field === "file_id" && UUID.test(part.value))
    return [{ kind: "id", condition: sql.fragment`f.file_id = ${part.value}::uuid`, order: sql.fragment`f.file_id` }];
  if (part.field !== "data_subject" || part.value === "") return [];
  const condition = sql.fragment`f.data_subject <> '' AND f.data_subject = ${part.value}`;
  return [{ kind: "subject", condition, order: sql.fragment`f.data_subject` }];
}

/**
 * The driver that leaves the fewest files, if that is `filesMax` at most. The files of each driver are counted on its
 * index, up to `filesMax` and one more; patterns, whose index gathers all before it gives the first, only where the
 * planner's statistics say that they are not everywhere. Words alone are not counted: their statistics have said that they
 * are rare.
 */
export async function chooseDriver(
  pool: CommonQueryMethods,
  namespace: string,
  { drivers, filesMax }: { drivers: readonly FileDriver[]; filesMax: number },
): Promise<FileDriver | undefined> {
  const [first] = drivers;
  if (first?.kind === "words" && drivers.length === 1) return first;
  const counts: SqlFragment[] = [];
  for (const [index, driver] of drivers.entries()) {
    if (driver.kind === "patterns" && (await estimate(pool, namespace, driver)) > PATTERN_FILES_MAX) continue;
    counts.push(sql.fragment`
      (SELECT ${index}::integer AS index, count(*) AS files FROM (${countable(namespace, driver, filesMax + 1)}) counted)`);
  }
  if (counts.length === 0) return undefined;
  const row = await pool.one(sql.type(countRow)`
    SELECT c.index, c.files FROM (${sql.join(counts, sql.fragment` UNION ALL `)}) c ORDER BY c.files, c.index LIMIT 1`);
  return row.files <= filesMax ? drivers[row.index] : undefined;
}

const countRow = z.object({ index: z.int(), files: z.int() });

function countable(namespace: string, driver: FileDriver, max: number): SqlFragment {
  const where = sql.fragment`f.namespace = ${namespace} AND f.supersede_time IS NULL AND ${driver.condition}`;
  if (driver.order !== undefined)
    return sql.fragment`SELECT FROM file f WHERE ${where} ORDER BY ${driver.order} LIMIT ${max}`;
  // A CTE is planned for all of its rows: otherwise a scan of the table may seem cheaper for the first few.
  return sql.fragment`SELECT FROM (WITH found AS MATERIALIZED (SELECT f.file_id FROM file f WHERE ${where})
    SELECT FROM found LIMIT ${max}) found`;
}

/** How many files the planner expects, without looking at any. */
async function estimate(pool: CommonQueryMethods, namespace: string, { condition }: FileDriver): Promise<number> {
  const row = await pool.one(sql.type(planRow)`
    EXPLAIN (FORMAT JSON) SELECT FROM file f
    WHERE f.namespace = ${namespace} AND f.supersede_time IS NULL AND ${condition}`);
  return row["QUERY PLAN"][0].Plan["Plan Rows"];
}

const planRow = z.object({
  "QUERY PLAN": z.tuple([z.object({ Plan: z.object({ "Plan Rows": z.number() }) })]),
});
