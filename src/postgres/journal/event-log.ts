import { type CommonQueryMethods, sql } from "slonik";
import { z } from "zod";
import type { EventLog, EventStretch, JournalEvent } from "../../domain/journal/event-log.ts";
import { EVENT_TYPES, type EventKind, TOLD_CHANGES } from "../../domain/journal/event-type.ts";
import { atBorder } from "../pool/errors.ts";
import type { SqlFragment } from "../pool/sql-values.ts";
import { keptEntries } from "./kept-entries.ts";

const boundsRow = z.object({ origin: z.string(), first: z.int(), last: z.int() });

/** An entry that is no event has its number alone; a row without a number says that there was no entry. */
const stretchRow = z.object({
  first: z.int(),
  sequence: z.int().nullable(),
  entry_id: z.string().nullable(),
  entry_time: z.date().nullable(),
  namespace: z.string().nullable(),
  action: z.string().nullable(),
  resource_kind: z.string().nullable(),
  resource_id: z.string().nullable(),
  generation: z.int().nullable(),
  path: z.string().nullable(),
  source_path: z.string().nullable(),
  trace_id: z.string().nullable(),
  span_id: z.string().nullable(),
});

/** EventLog in PostgreSQL. Numbers become visible in their order, because one relay at a time gives them. */
export function createEventLog(pool: CommonQueryMethods): EventLog {
  const isTold = sql.fragment`e.outcome = 'done' AND e.action = ANY (${sql.array([...TOLD_CHANGES], "text")})`;
  const readStretch = async (
    { after, through, limit }: { after: number; through: number; limit: number },
    { scanned, told }: { scanned: SqlFragment; told: SqlFragment },
  ): Promise<EventStretch> => {
    const rows = await pool.any(sql.type(stretchRow)`
      SELECT k.first, n.*
      FROM (${keptEntries}) k LEFT JOIN (
        SELECT n.sequence, n.entry_time, n.namespace, e.entry_id, e.action, e.resource_kind, e.resource_id, e.generation,
          e.trace_id, e.span_id, p.path, p.source_path
        FROM (
          SELECT n.sequence, n.namespace, n.entry_time, n.entry_id FROM journal_number n
          WHERE ${scanned} AND n.sequence > ${after}::bigint AND n.sequence <= ${through}::bigint
          ORDER BY n.sequence LIMIT ${limit}
        ) n
        LEFT JOIN journal_entry e
          ON e.entry_time = n.entry_time AND e.entry_id = n.entry_id AND ${told} AND ${isTold}
        LEFT JOIN journal_personal p ON p.entry_time = e.entry_time AND p.entry_id = e.entry_id
      ) n ON true
      ORDER BY n.sequence`);
    const isWhole = rows.length < limit;
    return {
      events: rows.flatMap(toEvents),
      through: isWhole ? through : (rows.at(-1)?.sequence ?? through),
      first: rows[0]?.first ?? through + 1,
    };
  };
  const log: EventLog = {
    async bounds() {
      // All numbers up to the last one are visible to the statements that come after this one.
      return await pool.one(sql.type(boundsRow)`
        SELECT journal_origin_here() AS origin, k.last, k.first FROM (${keptEntries}) k`);
    },
    read: ({ namespace, ...stretch }) =>
      readStretch(stretch, { scanned: sql.fragment`n.namespace = ${namespace}`, told: sql.fragment`true` }),
    readAll: ({ namespaces, ...stretch }) => {
      const told = sql.fragment`n.namespace = ANY (${sql.array([...namespaces], "text")})`;
      return readStretch(stretch, { scanned: sql.fragment`true`, told });
    },
  };
  return atBorder<EventLog>(log);
}

function toEvents(row: z.infer<typeof stretchRow>): JournalEvent[] {
  if (row.entry_id === null || row.sequence === null || row.entry_time === null || row.namespace === null) return [];
  const type = EVENT_TYPES[row.action as keyof typeof EVENT_TYPES];
  // A copy through an upload has an entry of that upload, too.
  if (type === undefined || !type.startsWith(`sluice.${row.resource_kind}.`)) return [];
  return [
    {
      eventId: row.entry_id,
      sequence: row.sequence,
      time: row.entry_time,
      namespace: row.namespace,
      type,
      kind: row.resource_kind as EventKind,
      resourceId: row.resource_id ?? undefined,
      generation: row.generation ?? undefined,
      path: row.path ?? "",
      sourcePath: row.source_path ?? "",
      ...(row.trace_id !== null && row.span_id !== null && { cause: { traceId: row.trace_id, spanId: row.span_id } }),
    },
  ];
}
