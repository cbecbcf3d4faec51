import { sql } from "slonik";
import type { SearchWord } from "../../domain/files/search-words.ts";
import type {
  FileFilter,
  FlagField,
  MapEntry,
  NumberField,
  TextField,
  TimeField,
} from "../../domain/filter/file-filter.ts";
import type { Comparison } from "../../domain/filter/filter.ts";
import { type SqlFragment, toLikePattern, toTimestamp } from "../pool/sql-values.ts";
import { fileEtag } from "../rows/file-rows.ts";

/** Columns that a filter may look at, by the names of their fields. */
export interface FilterColumns {
  text: Partial<Record<TextField, SqlFragment>>;
  number: Partial<Record<NumberField, SqlFragment>>;
  time: Partial<Record<TimeField, SqlFragment>>;
  flag: Partial<Record<FlagField, SqlFragment>>;
  /** Whether labels, metadata and words can be read here. */
  hasMaps: boolean;
}

/** All columns of `file f`. */
export const FILE_COLUMNS = {
  text: {
    namespace: sql.fragment`f.namespace`,
    path: sql.fragment`f.path`,
    file_id: sql.fragment`f.file_id::text`,
    sha256: sql.fragment`encode(f.sha256, 'hex')`,
    content_type: sql.fragment`f.content_type`,
    bucket: sql.fragment`f.bucket`,
    region: sql.fragment`f.region`,
    s3_key: sql.fragment`f.s3_key`,
    s3_version_id: sql.fragment`f.s3_version_id`,
    s3_etag: sql.fragment`f.etag`,
    etag: fileEtag,
    data_subject: sql.fragment`f.data_subject`,
  } satisfies Record<TextField, SqlFragment>,
  number: {
    generation: sql.fragment`f.generation`,
    size_bytes: sql.fragment`f.size_bytes`,
    crc32: sql.fragment`f.crc32`,
    metageneration: sql.fragment`f.metageneration`,
  } satisfies Record<NumberField, SqlFragment>,
  time: {
    create_time: sql.fragment`f.create_time`,
    update_time: sql.fragment`f.update_time`,
    delete_time: sql.fragment`f.delete_time`,
    purge_time: sql.fragment`f.purge_time`,
    supersede_time: sql.fragment`f.supersede_time`,
    retain_until_time: sql.fragment`f.retain_until_time`,
  } satisfies Record<TimeField, SqlFragment>,
  flag: {
    legal_hold: sql.fragment`f.legal_hold`,
    legal_hold_in_storage: sql.fragment`(f.legal_hold AND f.hold_settled IS TRUE)`,
    purged: sql.fragment`(f.purge_state IS NOT DISTINCT FROM 'purged')`,
  } satisfies Record<FlagField, SqlFragment>,
  hasMaps: true,
};

/** The columns of `file_label l` that its key holds. */
export const LABEL_COLUMNS: FilterColumns = {
  text: { namespace: sql.fragment`l.namespace`, path: sql.fragment`l.path` },
  number: { generation: sql.fragment`l.generation`, size_bytes: sql.fragment`l.size_bytes` },
  time: { create_time: sql.fragment`l.create_time` },
  flag: {},
  hasMaps: false,
};

/** The parts of a filter that all have to be true. */
export function toConjuncts(filter: FileFilter | undefined): FileFilter[] {
  if (filter === undefined) return [];
  return filter.kind === "and" ? filter.of.flatMap(toConjuncts) : [filter];
}

/** How many comparisons a filter makes of a file at most. */
export function countTerms(filter: FileFilter | undefined): number {
  if (filter === undefined) return 0;
  if (filter.kind === "not") return countTerms(filter.of);
  if (filter.kind === "words") return filter.words.length;
  return "of" in filter ? filter.of.reduce((sum, part) => sum + countTerms(part), 0) : 1;
}

/**
 * The condition of a filter in SQL: true or false, never null. Names become fixed text, values become parameters. Undefined
 * where it asks for a column that is not there.
 */
export function compileFilter(filter: FileFilter, columns: FilterColumns = FILE_COLUMNS): SqlFragment | undefined {
  switch (filter.kind) {
    case "and":
    case "or": {
      const parts = filter.of.map((part) => compileFilter(part, columns));
      if (!parts.every((part) => part !== undefined)) return undefined;
      return sql.fragment`(${sql.join(parts, filter.kind === "and" ? sql.fragment` AND ` : sql.fragment` OR `)})`;
    }
    case "not": {
      const part = compileFilter(filter.of, columns);
      return part && sql.fragment`NOT ${part}`;
    }
    case "number": {
      const column = columns.number[filter.field];
      return column && sql.fragment`(${column} ${OPERATORS[filter.comparison]} ${filter.value}::bigint)`;
    }
    case "time": {
      const column = columns.time[filter.field];
      return column && toDefinite(filter.field, compareTime(column, filter.comparison, filter.value));
    }
    case "flag": {
      const column = columns.flag[filter.field];
      return column && (filter.value ? column : sql.fragment`(NOT ${column})`);
    }
    case "text": {
      const column = toColumn(filter.field, columns);
      const { comparison, value } = filter;
      return column && toDefinite(filter.field, sql.fragment`${column} COLLATE "C" ${OPERATORS[comparison]} ${value}`);
    }
    case "like": {
      const column = toColumn(filter.field, columns);
      return column && toDefinite(filter.field, sql.fragment`${column} LIKE ${toLikePattern(filter.pieces)}`);
    }
    case "present":
      return compilePresent(filter.field, columns);
    case "words":
      return columns.hasMaps ? sql.fragment`(f.search_words @@ ${toTextQuery(filter.words)}::tsquery)` : undefined;
  }
}

/** The operators of SQL. */
export const OPERATORS: Record<Comparison, SqlFragment> = {
  "=": sql.fragment`=`,
  "<": sql.fragment`<`,
  "<=": sql.fragment`<=`,
  ">": sql.fragment`>`,
  ">=": sql.fragment`>=`,
};

/** PostgreSQL keeps microseconds and the API shows milliseconds: a file shown at a time is at that time. */
export function compareTime(column: SqlFragment, comparison: Comparison, value: Date): SqlFragment {
  const [from, to] = [toTimestamp(value.getTime() * 1000), toTimestamp((value.getTime() + 1) * 1000)];
  switch (comparison) {
    case "=":
      return sql.fragment`(${column} >= ${from} AND ${column} < ${to})`;
    case "<":
      return sql.fragment`(${column} < ${from})`;
    case "<=":
      return sql.fragment`(${column} < ${to})`;
    case ">":
      return sql.fragment`(${column} >= ${to})`;
    case ">=":
      return sql.fragment`(${column} >= ${from})`;
  }
}

/** The text of a tsquery that all of the words match. Words are letters and digits only, so that quotes hold them. */
export function toTextQuery(words: readonly SearchWord[]): string {
  return words.map(({ text, isPrefix }) => `'${text}'${isPrefix ? ":*" : ""}`).join(" & ");
}

function compilePresent(
  field: Extract<FileFilter, { kind: "present" }>["field"],
  columns: FilterColumns,
): SqlFragment | undefined {
  if (field === "labels" || field === "metadata") {
    if (!columns.hasMaps) return undefined;
    return field === "labels" ? sql.fragment`(f.labels <> '{}')` : sql.fragment`(f.metadata <> '{}')`;
  }
  if (typeof field === "object") {
    const entry = toColumn(field, columns);
    return entry && sql.fragment`(${entry} IS NOT NULL)`;
  }
  if (field in FILE_COLUMNS.text) {
    const column = columns.text[field as TextField];
    return column && toDefinite(field, sql.fragment`${column} <> ''`);
  }
  if (field in FILE_COLUMNS.flag) return columns.flag[field as FlagField];
  const column = columns.time[field as TimeField] ?? columns.number[field as NumberField];
  return column && sql.fragment`(${column} IS NOT NULL)`;
}

function toColumn(field: TextField | MapEntry, columns: FilterColumns): SqlFragment | undefined {
  if (typeof field === "string") return columns.text[field];
  if (!columns.hasMaps) return undefined;
  return field.map === "labels"
    ? sql.fragment`(f.labels ->> ${field.name})`
    : sql.fragment`(f.metadata ->> ${field.name})`;
}

const NULLABLE: readonly unknown[] = ["sha256", "delete_time", "purge_time", "supersede_time", "retain_until_time"];

/** A comparison with nothing is false. */
function toDefinite(field: string | MapEntry, condition: SqlFragment): SqlFragment {
  const isNullable = typeof field === "object" || NULLABLE.includes(field);
  return isNullable ? sql.fragment`coalesce(${condition}, false)` : sql.fragment`(${condition})`;
}
