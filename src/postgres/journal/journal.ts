import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import { isInScope, type PathScope } from "../../domain/access/path-scope.ts";
import type { EntryFilter } from "../../domain/journal/entry-filter.ts";
import type { Journal } from "../../domain/journal/journal.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import { atBorder } from "../pool/errors.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { compileEntryFilter } from "./compile-entry-filter.ts";
import { keptEntries } from "./kept-entries.ts";
import { leafPartsColumns, leafPartsRow, toLeafParts } from "./leaf-parts.ts";

/** An entry with its number and its personal part, as `entryColumns` selects it. */
export const entryRow = z.object({
  sequence: z.int(),
  entry_id: z.string(),
  entry_time: z.date(),
  namespace: z.string(),
  action: z.string(),
  outcome: z.string(),
  resource_kind: z.enum(["file", "upload", "link", "upload-token", "namespace", "subscription", "prefix", "service"]),
  resource_id: z.string().nullable(),
  generation: z.int().nullable(),
  token_kind: z.string(),
  token_id: z.string().nullable(),
  request_id: z.string().nullable(),
  trace_id: z.string().nullable(),
  first_time: z.date().nullable(),
  times: z.int(),
  actor: z.string().nullable(),
  session: z.string().nullable(),
  address: z.string().nullable(),
  path: z.string().nullable(),
  source_path: z.string().nullable(),
  data_subject: z.string().nullable(),
  before: z.unknown(),
  after: z.unknown(),
});

/** The columns of `journal_number n`, `journal_entry e` and `journal_personal p` that make an `entryRow`. */
export const entryColumns = sql.fragment`
  n.sequence, e.entry_id, e.entry_time, e.namespace, e.action, e.outcome, e.resource_kind, e.resource_id,
  e.generation, e.token_kind, e.token_id, e.request_id, e.trace_id, e.first_time, e.times, p.actor, p.session, p.address, p.path,
  p.source_path, p.data_subject, p.before, p.after`;

/** What belongs to the numbers of a subquery `n`. */
const withEntries = sql.fragment`
  JOIN journal_entry e ON e.entry_time = n.entry_time AND e.entry_id = n.entry_id
  LEFT JOIN journal_personal p ON p.entry_time = n.entry_time AND p.entry_id = n.entry_id`;

/** Entries that one page reads: where few match, the page comes back short instead of late. */
export const ENTRIES_SCANNED_MAX = 20_000;

const provenRow = entryRow.extend(leafPartsRow.shape);
const sequenceRow = z.object({ sequence: z.int() });
const stretchRow = z.object({ last: z.int().nullable(), first: z.int() });
const lastRow = z.object({ last_sequence: z.int() });

/** Journal in PostgreSQL. Numbers become visible in their order, because one relay at a time gives them. */
export function createJournal(pool: CommonQueryMethods): Journal {
  const journal: Journal = {
    async read({ namespace, after, limit }) {
      const which = namespace === undefined ? sql.fragment`true` : sql.fragment`n.namespace = ${namespace}`;
      const rows = await pool.any(sql.type(entryRow)`
        SELECT ${entryColumns} FROM (
          SELECT n.sequence, n.entry_time, n.entry_id FROM journal_number n
          WHERE ${which} AND n.sequence > ${after}::bigint ORDER BY n.sequence LIMIT ${limit}
        ) n ${withEntries} ORDER BY n.sequence`);
      return rows.map(toEntry);
    },
    list: (namespace, query) => listEntries(pool, namespace, query),
    readMatching: (namespace, query) => readMatching(pool, namespace, query),
    async lastSequence() {
      return await pool.oneFirst(sql.type(lastRow)`SELECT last_sequence FROM journal_look ORDER BY look DESC LIMIT 1`);
    },
  };
  return atBorder<Journal>(journal);
}

async function listEntries(
  pool: CommonQueryMethods,
  namespace: string,
  { filter, scope, before, limit }: Parameters<Journal["list"]>[1],
): ReturnType<Journal["list"]> {
  const isBefore = before === undefined ? sql.fragment`true` : sql.fragment`n.sequence < ${before}::bigint`;
  const scanned = sql.fragment`
    SELECT n.sequence, n.entry_time, n.entry_id FROM journal_number n
    WHERE n.namespace = ${namespace} AND ${isBefore} ORDER BY n.sequence DESC LIMIT ${ENTRIES_SCANNED_MAX}`;
  const rows = await pool.any(sql.type(entryRow)`
    SELECT ${entryColumns} FROM (${scanned}) n ${withinScope(scope)} WHERE ${isWanted(scope, filter)}
    ORDER BY n.sequence DESC LIMIT ${limit + 1}`);
  const entries = rows.slice(0, limit).map(toEntry);
  if (rows.length > limit) return { entries, next: entries.at(-1)?.sequence };
  // The page is short: either no entry follows, or it has read as many as it may.
  const last = await pool.maybeOneFirst(sql.type(sequenceRow)`
    SELECT n.sequence FROM (${scanned}) n ORDER BY n.sequence OFFSET 0 LIMIT 1`);
  const hasMore =
    last !== null &&
    (await pool.exists(sql.unsafe`
      SELECT FROM journal_number n WHERE n.namespace = ${namespace} AND n.sequence < ${last}::bigint`));
  return { entries, next: hasMore ? last : undefined };
}

async function readMatching(
  pool: CommonQueryMethods,
  namespace: string,
  { filter, scope, after, through, limit }: Parameters<Journal["readMatching"]>[1],
): ReturnType<Journal["readMatching"]> {
  const scanned = sql.fragment`
    SELECT n.sequence, n.entry_time, n.entry_id FROM journal_number n
    WHERE n.namespace = ${namespace} AND n.sequence > ${after}::bigint AND n.sequence <= ${through}::bigint
    ORDER BY n.sequence LIMIT ${limit}`;
  const rows = await pool.any(sql.type(provenRow)`
    SELECT ${entryColumns}, ${leafPartsColumns} FROM (${scanned}) n ${withinScope(scope)}
    LEFT JOIN journal_leaf l ON l.entry_time = n.entry_time AND l.entry_id = n.entry_id
    WHERE ${isWanted(scope, filter)} ORDER BY n.sequence`);
  const { last, first } = await pool.one(sql.type(stretchRow)`
    SELECT (SELECT n.sequence FROM (${scanned}) n ORDER BY n.sequence OFFSET ${limit - 1} LIMIT 1) AS last, k.first
    FROM (${keptEntries}) k`);
  return {
    entries: rows.map((row) => ({ ...toEntry(row), proof: toLeafParts(row) })),
    through: last ?? through,
    first,
  };
}

/** Which entries `withinScope` shows and the filter wants. An entry without a path is of the whole namespace's scope alone. */
function isWanted(scope: PathScope, filter: EntryFilter | undefined): SqlFragment {
  const isShown = isInScope(scope, "") ? sql.fragment`true` : sql.fragment`coalesce(p.path || p.source_path, '') <> ''`;
  return sql.and([isShown, filter === undefined ? sql.fragment`true` : compileEntryFilter(filter)]);
}

/** What belongs to the numbers of a subquery `n`, with those paths alone that lie in the scope: of a move, the other may not. */
function withinScope(scope: PathScope): SqlFragment {
  if (isInScope(scope, "")) return withEntries;
  const show = (path: SqlFragment) => {
    const within = scope.map((prefix) => sql.fragment`starts_with(${path}, ${prefix})`);
    return sql.fragment`CASE WHEN ${sql.join([sql.fragment`false`, ...within], sql.fragment` OR `)} THEN ${path} ELSE '' END`;
  };
  return sql.fragment`
    JOIN journal_entry e ON e.entry_time = n.entry_time AND e.entry_id = n.entry_id
    LEFT JOIN LATERAL (
      SELECT w.actor, w.session, w.address, ${show(sql.fragment`w.path`)} AS path,
        ${show(sql.fragment`w.source_path`)} AS source_path, w.data_subject, w.before, w.after, w.salt,
        CASE WHEN (${show(sql.fragment`w.path`)}, ${show(sql.fragment`w.source_path`)}) = (w.path, w.source_path)
          THEN w.hashed_bytes END AS hashed_bytes
      FROM journal_personal w WHERE w.entry_time = n.entry_time AND w.entry_id = n.entry_id
    ) p ON true`;
}

/** The entry of a row. */
export function toEntry(row: z.infer<typeof entryRow>): JournalEntry {
  const { actor } = row;
  return {
    entryId: row.entry_id,
    sequence: row.sequence,
    time: row.entry_time,
    namespace: row.namespace,
    action: row.action,
    outcome: row.outcome,
    resource: {
      kind: row.resource_kind,
      id: row.resource_id ?? undefined,
      generation: row.generation ?? undefined,
    },
    tokenKind: row.token_kind,
    tokenId: row.token_id ?? undefined,
    requestId: row.request_id ?? undefined,
    traceId: row.trace_id ?? undefined,
    firstTime: row.first_time ?? undefined,
    times: row.times,
    personal:
      actor === null
        ? undefined
        : {
            actor,
            session: row.session ?? "",
            address: row.address ?? "",
            path: row.path ?? "",
            sourcePath: row.source_path ?? "",
            dataSubject: row.data_subject ?? "",
            before: row.before ?? undefined,
            after: row.after ?? undefined,
          },
  };
}
