import { sql } from "slonik";
import type { ENTRY_FIELDS, EntryFilter } from "../../domain/journal/entry-filter.ts";
import { type SqlFragment, toLikePattern } from "../pool/sql-values.ts";
import { compareTime, OPERATORS } from "../search/compile-filter.ts";

type Field = (typeof ENTRY_FIELDS)["text" | "number" | "time"][number];

/** Columns of `journal_number n`, `journal_entry e` and `journal_personal p`, by the names of their fields. */
const COLUMNS: Readonly<Record<Field, SqlFragment>> = {
  entry_id: sql.fragment`e.entry_id::text`,
  action: sql.fragment`e.action`,
  outcome: sql.fragment`e.outcome`,
  actor: sql.fragment`p.actor`,
  session: sql.fragment`p.session`,
  address: sql.fragment`p.address`,
  path: sql.fragment`p.path`,
  source_path: sql.fragment`p.source_path`,
  data_subject: sql.fragment`p.data_subject`,
  resource_kind: sql.fragment`e.resource_kind`,
  resource_id: sql.fragment`e.resource_id::text`,
  token_kind: sql.fragment`e.token_kind`,
  token_id: sql.fragment`e.token_id::text`,
  request_id: sql.fragment`e.request_id::text`,
  trace_id: sql.fragment`e.trace_id`,
  sequence: sql.fragment`n.sequence`,
  generation: sql.fragment`e.generation`,
  times: sql.fragment`e.times`,
  time: sql.fragment`e.entry_time`,
  first_time: sql.fragment`e.first_time`,
};

/** The condition of a filter in SQL: true or false, never null. Names become fixed text, values become parameters. */
export function compileEntryFilter(filter: EntryFilter): SqlFragment {
  switch (filter.kind) {
    case "and":
    case "or": {
      const parts = filter.of.map(compileEntryFilter);
      return sql.fragment`(${sql.join(parts, filter.kind === "and" ? sql.fragment` AND ` : sql.fragment` OR `)})`;
    }
    case "not":
      return sql.fragment`NOT ${compileEntryFilter(filter.of)}`;
    case "number":
      return toDefinite(sql.fragment`${COLUMNS[filter.field]} ${OPERATORS[filter.comparison]} ${filter.value}::bigint`);
    case "time":
      return toDefinite(compareTime(COLUMNS[filter.field], filter.comparison, filter.value));
    case "text":
      return toDefinite(
        sql.fragment`${COLUMNS[toName(filter.field)]} COLLATE "C" ${OPERATORS[filter.comparison]} ${filter.value}`,
      );
    case "like":
      return toDefinite(sql.fragment`${COLUMNS[toName(filter.field)]} LIKE ${toLikePattern(filter.pieces)}`);
    case "present":
      return toDefinite(sql.fragment`${COLUMNS[toName(filter.field)]}::text <> ''`);
    case "flag":
    case "words":
      throw new Error(`entries have no ${filter.kind}`);
  }
}

/** Entries have no maps, so a field is a name. */
function toName(field: Extract<EntryFilter, { kind: "text" | "present" }>["field"]): Field {
  if (typeof field === "string") return field;
  throw new Error("entries have no maps");
}

/** A comparison with nothing is false. */
function toDefinite(condition: SqlFragment): SqlFragment {
  return sql.fragment`coalesce(${condition}, false)`;
}
