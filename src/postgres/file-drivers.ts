import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { FileOrder } from "../domain/file-order.ts";
import type { FileQuery } from "../domain/file-repository.ts";
import type { FileFilter } from "../domain/filter/file-filter.ts";
import { type SearchWord, toSearchWords } from "../domain/search-words.ts";
import { compareTime, toConjuncts, toTextQuery } from "./compile-filter.ts";
import { fileIsLive } from "./file-rows.ts";
import { type SqlFragment, toLikePattern, toPrefixEnd } from "./sql-values.ts";

/** A condition of a query that an index finds the files of, without any order. */
export interface FileDriver {
  kind: FileOrder["field"] | "text" | "label" | "id" | "subject";
  /** Of `file f`. */
  condition: SqlFragment;
  /** The order of the index, by which its files are counted; undefined of text, whose indexes have none. */
  order: SqlFragment | undefined;
  /** The label, as the table of labels has it. */
  label?: { name: string; value: string };
}

/** That many labels of a filter are considered; more would cost more to count than they save. */
const LABELS_MAX = 4;
/** Parts of patterns shorter than this have no trigram that the index could look for. */
const TRIGRAM_CHARACTERS_MIN = 3;
/** Text that is estimated to be in more files is not counted: the index would have to gather all of them first. */
const TEXT_ESTIMATE_MAX = 20_000;

/** The conditions of a query that have an index, but for that of its order; none for a query that asks for everything. */
export function findDrivers(query: FileQuery, order: FileOrder): FileDriver[] {
  const conjuncts = toConjuncts(query.filter);
  return [
    ...findPath(query),
    ...findText(conjuncts),
    ...conjuncts.flatMap(toLabel).slice(0, LABELS_MAX),
    ...findRanges(conjuncts),
    ...conjuncts.flatMap(toExact),
  ].filter(({ kind }) => kind !== order.field);
}

/** Live files alone have an index with all of their paths. */
function findPath(query: FileQuery): FileDriver[] {
  const range = query.showDeleted ? undefined : toPathRange(query, sql.fragment`f`);
  if (range === undefined) return [];
  return [{ kind: "path", condition: sql.and([fileIsLive, range]), order: sql.fragment`f.path` }];
}

/** The bounds that a query sets to the paths of rows under an alias; undefined when it sets none. */
export function toPathRange(query: Pick<FileQuery, "prefix" | "filter">, alias: SqlFragment): SqlFragment | undefined {
  const bounds = toConjuncts(query.filter).flatMap((part) => {
    if (part.kind === "text" && part.field === "path")
      return [sql.fragment`${alias}.path ${COMPARISONS[part.comparison]} ${part.value}`];
    return part.kind === "like" && part.field === "path" ? toPrefixBounds(part.pieces[0] ?? "", alias) : [];
  });
  const all = [...toPrefixBounds(query.prefix, alias), ...bounds];
  return all.length === 0 ? undefined : sql.and(all);
}

const COMPARISONS = {
  ...{ "=": sql.fragment`=`, "<": sql.fragment`<`, "<=": sql.fragment`<=` },
  ...{ ">": sql.fragment`>`, ">=": sql.fragment`>=` },
};

function toPrefixBounds(prefix: string, alias: SqlFragment): SqlFragment[] {
  if (prefix === "") return [];
  const end = toPrefixEnd(prefix);
  const from = sql.fragment`${alias}.path >= ${prefix}`;
  return end === undefined ? [from] : [from, sql.fragment`${alias}.path < ${end}`];
}

function findText(conjuncts: readonly FileFilter[]): FileDriver[] {
  const words = conjuncts.flatMap((part) => toImpliedWords(part));
  const patterns = conjuncts.flatMap((part) => {
    const hasTrigram = part.kind === "like" && part.field === "path" && part.pieces.some(isLongEnough);
    return hasTrigram ? [sql.fragment`f.path LIKE ${toLikePattern(part.pieces)}`] : [];
  });
  const all = [
    ...(words.length === 0 ? [] : [sql.fragment`f.search_words @@ ${toTextQuery(words)}::tsquery`]),
    ...patterns,
  ];
  return all.length === 0 ? [] : [{ kind: "text", condition: sql.and(all), order: undefined }];
}

/** Words that are in a file that matches: those asked for, and those of a value that is asked for whole. */
function toImpliedWords(part: FileFilter): SearchWord[] {
  if (part.kind === "words") return [...part.words];
  if (part.kind !== "text" || typeof part.field === "string" || part.field.map !== "metadata") return [];
  if (part.comparison !== "=") return [];
  return toSearchWords(part.value).map((text) => ({ text, isPrefix: false }));
}

function isLongEnough(piece: string): boolean {
  return new RegExp(`[A-Za-z0-9]{${TRIGRAM_CHARACTERS_MIN}}`).test(piece);
}

function toLabel(part: FileFilter): FileDriver[] {
  if (part.kind !== "text" || typeof part.field === "string" || part.field.map !== "labels") return [];
  if (part.comparison !== "=") return [];
  const label = { name: part.field.name, value: part.value };
  return [{ kind: "label", condition: sql.fragment`true`, order: sql.fragment`l.path`, label }];
}

function findRanges(conjuncts: readonly FileFilter[]): FileDriver[] {
  return (["create_time", "update_time", "size_bytes"] as const).flatMap((field) => {
    const bounds = toBounds(conjuncts, field);
    return bounds.length === 0 ? [] : [{ kind: field, condition: sql.and(bounds), order: RANGED[field] }];
  });
}

/** The bounds that a filter sets to a column of `file f` which has an index: where a scan of that begins and ends. */
export function toBounds(conjuncts: readonly FileFilter[], field: keyof typeof RANGED): SqlFragment[] {
  const column = RANGED[field];
  return conjuncts.flatMap((part) => {
    if (part.kind === "time" && part.field === field) return [compareTime(column, part.comparison, part.value)];
    if (part.kind === "number" && part.field === field)
      return [sql.fragment`${column} ${COMPARISONS[part.comparison]} ${part.value}::bigint`];
    return [];
  });
}

const RANGED = {
  create_time: sql.fragment`f.create_time`,
  update_time: sql.fragment`f.update_time`,
  size_bytes: sql.fragment`f.size_bytes`,
};

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
 * The driver that leaves the fewest files, if that is `filesMax` at most. Each is counted on its index, up to one more
 * than that; text, whose indexes gather all before they give the first, only where the planner's statistics say that it
 * is not everywhere.
 */
export async function chooseDriver(
  pool: CommonQueryMethods,
  namespace: string,
  { drivers, filesMax }: { drivers: readonly FileDriver[]; filesMax: number },
): Promise<FileDriver | undefined> {
  const counts: SqlFragment[] = [];
  for (const [index, driver] of drivers.entries()) {
    if (driver.kind === "text" && (await estimate(pool, namespace, driver)) > TEXT_ESTIMATE_MAX) continue;
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
  if (driver.label !== undefined) {
    const { name, value } = driver.label;
    return sql.fragment`SELECT FROM file_label l
      WHERE l.namespace = ${namespace} AND l.name = ${name} AND l.value = ${value} ORDER BY l.path LIMIT ${max}`;
  }
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
