import { sql } from "slonik";
import type { FileQuery } from "../../domain/files/file-repository.ts";
import type { FileFilter } from "../../domain/filter/file-filter.ts";
import { type SqlFragment, toPrefixEnd } from "../pool/sql-values.ts";
import { compareTime, toConjuncts } from "./compile-filter.ts";

/** Columns that both files and labels have, and whose order an index has. */
export type RangedField = "create_time" | "size_bytes";

const COMPARISONS = {
  "=": sql.fragment`=`,
  "<": sql.fragment`<`,
  "<=": sql.fragment`<=`,
  ">": sql.fragment`>`,
  ">=": sql.fragment`>=`,
};

/** The bounds that a query sets to the paths of rows under an alias; none when it sets none. */
export function toPathRange(query: Pick<FileQuery, "prefix" | "filter">, alias: SqlFragment): SqlFragment[] {
  const bounds = toConjuncts(query.filter).flatMap((part) => {
    if (part.kind === "text" && part.field === "path")
      return [sql.fragment`${alias}.path ${COMPARISONS[part.comparison]} ${part.value}`];
    return part.kind === "like" && part.field === "path" ? toPrefixBounds(part.pieces[0] ?? "", alias) : [];
  });
  const all = [...toPrefixBounds(query.prefix, alias), ...bounds];
  return all.length === 0 ? [] : [sql.and(all)];
}

function toPrefixBounds(prefix: string, alias: SqlFragment): SqlFragment[] {
  if (prefix === "") return [];
  const end = toPrefixEnd(prefix);
  const from = sql.fragment`${alias}.path >= ${prefix}`;
  return end === undefined ? [from] : [from, sql.fragment`${alias}.path < ${end}`];
}

/** The bounds that a filter sets to an indexed column of rows under an alias: a scan of the index begins and ends there. */
export function toBounds(
  conjuncts: readonly FileFilter[],
  field: RangedField | "update_time",
  alias: SqlFragment,
): SqlFragment[] {
  const column = sql.fragment`${alias}.${sql.identifier([field])}`;
  return conjuncts.flatMap((part) => {
    if (part.kind === "time" && part.field === field) return [compareTime(column, part.comparison, part.value)];
    if (part.kind === "number" && part.field === field)
      return [sql.fragment`${column} ${COMPARISONS[part.comparison]} ${part.value}::bigint`];
    return [];
  });
}

/**
 * The same bounds as numbers, exact to a millisecond or a byte: the filter asks for no row beyond them. Undefined without
 * any bound.
 */
export function toValueRange(
  conjuncts: readonly FileFilter[],
  field: RangedField,
): { from: number; to: number } | undefined {
  let [from, to] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const part of conjuncts) {
    const isOf = (part.kind === "time" || part.kind === "number") && part.field === field;
    if (!isOf) continue;
    const [value, step] = part.kind === "time" ? [part.value.getTime() * 1000, 1000] : [part.value, 1];
    if (part.comparison !== "<" && part.comparison !== "<=") from = Math.max(from, value);
    if (part.comparison !== ">" && part.comparison !== ">=") to = Math.min(to, value + step);
  }
  return Number.isFinite(from) || Number.isFinite(to) ? { from, to } : undefined;
}
