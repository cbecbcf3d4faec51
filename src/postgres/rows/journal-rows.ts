import { sql } from "slonik";
import type { Actor, Deed } from "../../domain/deed.ts";
import type { Resource } from "../../domain/journal/journal-entry.ts";
import type { SqlFragment } from "../pool/sql-values.ts";

/** What the entries of a statement are about, as expressions over the rows of the CTE `from`. */
export interface EnteredRows {
  from: SqlFragment;
  kind: Resource["kind"];
  namespace: SqlFragment;
  /** UUID of the file, upload, link or upload token: unlike in every row of `from`. */
  id: SqlFragment;
  generation?: SqlFragment;
  path?: SqlFragment;
  sourcePath?: SqlFragment;
  dataSubject?: SqlFragment;
  /** jsonb of the values that changed, and what they are now. */
  before?: SqlFragment;
  after?: SqlFragment;
  /** Only these rows are entered. */
  where?: SqlFragment;
}

/** Who did it, as expressions, where the rows know better than the caller of the statement. */
export interface EnteredActor {
  action: SqlFragment;
  principal: SqlFragment;
  tokenKind: SqlFragment;
  address: SqlFragment;
  /** Left out for none. */
  session?: SqlFragment;
  /** Left out for none. */
  tokenId?: SqlFragment;
  /** Left out for none. */
  traceId?: SqlFragment;
  /** Left out for none. */
  spanId?: SqlFragment;
  requestId: SqlFragment;
}

const none = sql.fragment`''`;
const nothing = sql.fragment`NULL::jsonb`;

/**
 * The CTEs `entered` and `entered_personal`: an entry of the journal for each row of `from`, which is to be a CTE that has changed these
 * rows. The births are drawn while the statement holds their locks, so the entries of one file have the order of its changes.
 */
export function enterRows(actor: EnteredActor, rows: EnteredRows): SqlFragment {
  const { from, kind, namespace, id, where = sql.fragment`true` } = rows;
  const { generation = sql.fragment`NULL::bigint`, path = none, sourcePath = none, dataSubject = none } = rows;
  return sql.fragment`
    entered AS (
      INSERT INTO journal_entry (namespace, action, outcome, resource_kind, resource_id, generation, token_kind, token_id, request_id, trace_id, span_id)
      SELECT ${namespace}, ${actor.action}, 'done', ${kind}, ${id}, ${generation}, ${actor.tokenKind},
        ${actor.tokenId ?? sql.fragment`NULL::uuid`}, ${actor.requestId},
        ${actor.traceId ?? sql.fragment`NULL`}, ${actor.spanId ?? sql.fragment`NULL`}
      FROM ${from} WHERE ${where}
      RETURNING entry_id AS entered_id, entry_time AS entered_time, resource_id AS entered_resource
    ), entered_personal AS (
      INSERT INTO journal_personal (entry_id, entry_time, namespace, actor, session, address, path, source_path, data_subject, before, after)
      SELECT entered_id, entered_time, ${namespace}, ${actor.principal}, ${actor.session ?? none}, ${actor.address}, ${path}, ${sourcePath}, ${dataSubject},
        ${rows.before ?? nothing}, ${rows.after ?? nothing}
      FROM entered JOIN ${from} ON (${id}) IS NOT DISTINCT FROM entered_resource AND ${where}
    )`;
}

/** The same for what one caller does by one method. */
export function enterDeed({ action, actor }: Deed, rows: EnteredRows): SqlFragment {
  return enterRows(
    {
      action: sql.fragment`${action}`,
      principal: sql.fragment`${actor.principal}`,
      tokenKind: sql.fragment`${actor.tokenKind}`,
      address: sql.fragment`${actor.address ?? ""}`,
      session: sql.fragment`${actor.session ?? ""}`,
      tokenId: sql.fragment`${actor.tokenId ?? null}::uuid`,
      requestId: sql.fragment`${actor.requestId ?? null}::uuid`,
      traceId: sql.fragment`${actor.traceId ?? null}`,
      spanId: sql.fragment`${actor.spanId ?? null}`,
    },
    rows,
  );
}

/** The actor of an entry, as expressions, from a jsonb expression of an Actor. */
export function toEnteredActor(actor: SqlFragment): Omit<EnteredActor, "action"> {
  const text = (name: keyof Actor) => sql.fragment`coalesce(${actor}->>${name}, '')`;
  return {
    principal: text("principal"),
    tokenKind: text("tokenKind"),
    address: text("address"),
    session: text("session"),
    tokenId: sql.fragment`nullif(${text("tokenId")}, '')::uuid`,
    requestId: sql.fragment`nullif(${text("requestId")}, '')::uuid`,
    traceId: sql.fragment`nullif(${text("traceId")}, '')`,
    spanId: sql.fragment`nullif(${text("spanId")}, '')`,
  };
}

/** The rows of a CTE `changed` that returns `fileColumns`. */
export const CHANGED_FILES: EnteredRows = {
  from: sql.fragment`changed c`,
  kind: "file",
  namespace: sql.fragment`c.namespace`,
  id: sql.fragment`c.file_id`,
  generation: sql.fragment`c.generation`,
  path: sql.fragment`c.path`,
  dataSubject: sql.fragment`c.data_subject`,
};

/** The rows of a CTE `changed` that returns `uploadColumns`. */
export const CHANGED_UPLOADS: EnteredRows = {
  from: sql.fragment`changed c`,
  kind: "upload",
  namespace: sql.fragment`c.namespace`,
  id: sql.fragment`c.upload_id`,
  path: sql.fragment`c.path`,
  dataSubject: sql.fragment`c.data_subject`,
};

/** The values that are others after a change, before and after; a value that is not there is null. */
export function toChangedValues(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Pick<EnteredRows, "before" | "after"> {
  const changed = Object.keys(after).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const pick = (values: Readonly<Record<string, unknown>>) =>
    toJson(Object.fromEntries(changed.map((name) => [name, values[name] ?? null])));
  return { before: pick(before), after: pick(after) };
}

/** jsonb of values; NULL for undefined. */
export function toJson(values: object | undefined): SqlFragment {
  return sql.fragment`${values === undefined ? null : JSON.stringify(values)}::jsonb`;
}
