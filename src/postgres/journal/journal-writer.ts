import { type CommonQueryMethods, sql } from "slonik";
import type { JournalWriter, NewEntry } from "../../domain/journal/new-entry.ts";
import { atBorder, databaseUnavailable } from "../pool/errors.ts";
import { toInterval } from "../pool/sql-values.ts";

/** Callers may wait for a batch: the verdict has to come before they give up, in milliseconds. */
const JOURNAL_DEADLINE_MS = 5000;
/**
 * A statement that waits for locked tables for longer writes nothing, in milliseconds, less than the deadline: a batch that is written
 * again must not have been written before.
 */
const LOCKED_MAX_MS = 4000;
/** One caller writes batches, one after the other; a batch that was given up counts until its statement has ended. */
const WRITES_MAX = 8;

/**
 * JournalWriter in PostgreSQL: each batch is one statement for both tables. `pool` is to end statements within less than the deadline;
 * where a pooler keeps it from that, the statement itself looks how long it has waited. When the connection breaks at the commit, nobody
 * knows whether the batch is written; whoever writes it again may write it twice.
 */
export function createJournalWriter(pool: CommonQueryMethods, { lockedMaxMs = LOCKED_MAX_MS } = {}): JournalWriter {
  const writer: JournalWriter = {
    async enter(entries) {
      const { rowCount } = await pool.query(sql.unsafe`
        WITH given AS MATERIALIZED (
          SELECT journal_entry_id() AS entry_id, g.* FROM json_to_recordset(${JSON.stringify(entries.map(toRow))}::json) AS g (
            namespace text, action text, outcome text, kind text, id uuid, generation bigint, token_kind text, token_id uuid, request_id uuid, trace_id text, span_id text,
            first_time timestamptz, times bigint, actor text, session text, address text, path text, data_subject text
          )
          -- The tables are locked before anything is read, and the time of the statement begins anew behind that.
          WHERE (SELECT clock_timestamp() < now() + ${toInterval(lockedMaxMs)})
        ), entered AS (
          INSERT INTO journal_entry (entry_id, namespace, action, outcome, resource_kind, resource_id, generation, token_kind,
            token_id, request_id, trace_id, span_id, first_time, times)
          SELECT entry_id, namespace, action, outcome, kind, id, generation, token_kind, token_id, request_id, trace_id, span_id, first_time, times
          FROM given
        )
        INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, session, address, path, data_subject)
        SELECT entry_id, now(), namespace, actor, session, address, path, data_subject FROM given`);
      if (rowCount < entries.length) throw databaseUnavailable(new Error("the tables of the journal were locked"));
    },
  };
  return atBorder<JournalWriter>(writer, { deadlineMs: JOURNAL_DEADLINE_MS, callsMax: WRITES_MAX });
}

function toRow({ actor, resource, ...entry }: NewEntry): Record<string, string | number | undefined> {
  return {
    namespace: toText(entry.namespace),
    action: entry.action,
    outcome: entry.outcome,
    kind: resource.kind,
    id: resource.id,
    generation: resource.generation,
    token_kind: actor.tokenKind,
    token_id: actor.tokenId,
    request_id: actor.requestId,
    trace_id: actor.traceId,
    span_id: actor.spanId,
    first_time: entry.time.toISOString(),
    times: entry.times,
    actor: toText(actor.principal),
    session: toText(actor.session ?? ""),
    address: toText(actor.address ?? ""),
    path: toText(entry.path),
    data_subject: toText(entry.dataSubject),
  };
}

/** PostgreSQL takes neither U+0000 nor half of a surrogate pair; a request may hold both. */
function toText(text: string): string {
  return text.replaceAll("\u0000", "\ufffd").toWellFormed();
}
