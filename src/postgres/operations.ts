import { type CommonQueryMethods, type DatabasePool, sql } from "slonik";
import { z } from "zod";
import type { Caller } from "../domain/caller.ts";
import type {
  Operation,
  OperationError,
  OperationKind,
  OperationProgresses,
  OperationRequests,
  OperationResponses,
} from "../domain/jobs/operation.ts";
import type { OperationRepository } from "../domain/jobs/operation-repository.ts";
import { operationNotFound, operationsFull, requestIdReused } from "../domain/repository-refusals.ts";
import { atBorder } from "./pool/errors.ts";
import { type SqlFragment, toBytea, toInterval } from "./pool/sql-values.ts";

const operationRow = z.object({
  operation_id: z.string(),
  namespace: z.string(),
  request_id: z.string(),
  kind: z.custom<OperationKind>((value) => typeof value === "string"),
  caller: z.custom<Caller>(),
  request: z.custom<OperationRequests[OperationKind]>(),
  create_time: z.date(),
  begin_time: z.date().nullable(),
  cancel_time: z.date().nullable(),
  end_time: z.date().nullable(),
  cursor: z.string(),
  progress: z.custom<OperationProgresses[OperationKind]>(),
  revision: z.int(),
  response: z.custom<OperationResponses[OperationKind] | null>(),
  error: z.custom<OperationError | null>(),
});
const startedRow = operationRow.extend({ is_same: z.boolean() });

const columns = sql.fragment`
  o.operation_id, o.namespace, o.request_id, o.kind, o.caller, o.request, o.create_time, o.begin_time, o.cancel_time, o.end_time,
  o.cursor, o.progress, o.revision, o.error,
  CASE WHEN o.kind <> 'copy' OR o.response IS NULL THEN o.response ELSE o.response || (
    SELECT jsonb_build_object('path', f.path, 'generation', f.generation) FROM file f
    WHERE f.namespace = o.namespace AND f.file_id = (o.response ->> 'fileId')::uuid) END AS response`;

/**
 * What an operation forgets at its end: nothing that could name a person stays but its starter's name, by which they find it. The path of a
 * copy is read from the file's row, where an erasure reaches it.
 */
const ended = sql.fragment`
  end_time = now(), cursor = '', request = '{}',
  caller = jsonb_build_object('principal', o.caller -> 'principal', 'groups', '[]'::jsonb, 'tokenKind', o.caller -> 'tokenKind')`;

/** Operations in PostgreSQL, each change one statement. */
export function createOperationRepository(pool: DatabasePool): OperationRepository {
  /** Changes an operation that is as it was read. */
  const change = async (operation: Operation, set: SqlFragment): Promise<Operation | undefined> => {
    const row = await pool.maybeOne(sql.type(operationRow)`
      UPDATE operation o SET ${set}, revision = o.revision + 1
      WHERE ${isNamed(operation.namespace, operation.operationId)} AND o.revision = ${operation.revision} AND o.end_time IS NULL
      RETURNING ${columns}`);
    return row === null ? undefined : toOperation(row);
  };
  const repository: OperationRepository = {
    start: (operation, identity, { openMax }) => start(pool, { operation, identity, openMax }),
    get: (namespace, operationId) => getOperation(pool, namespace, operationId),
    async list(namespace, { principal, after, limit }) {
      const isOwn = principal === undefined ? sql.fragment`true` : sql.fragment`o.principal = ${principal}`;
      const isBehind = after === "" ? sql.fragment`true` : sql.fragment`o.operation_id < ${after}::uuid`;
      const rows = await pool.any(sql.type(operationRow)`
        SELECT ${columns} FROM operation o WHERE o.namespace = ${namespace} AND ${isOwn} AND ${isBehind}
        ORDER BY o.operation_id DESC LIMIT ${limit}`);
      return rows.map(toOperation);
    },
    async cancel(namespace, operationId) {
      await pool.query(sql.unsafe`
        UPDATE operation o SET cancel_time = coalesce(o.cancel_time, now())
        WHERE ${isNamed(namespace, operationId)} AND o.end_time IS NULL`);
      return await getOperation(pool, namespace, operationId);
    },
    async listDue({ runningMax, limit }) {
      const rows = await pool.any(sql.type(operationRow)`
        SELECT ${columns} FROM (
          SELECT d.*, row_number() OVER (PARTITION BY d.namespace ORDER BY d.operation_id) AS place
          FROM operation d WHERE d.end_time IS NULL
        ) o
        WHERE o.place <= ${runningMax} OR o.cancel_time IS NOT NULL ORDER BY o.operation_id LIMIT ${limit}`);
      return rows.map(toOperation);
    },
    begin: (operation) => change(operation, sql.fragment`begin_time = coalesce(o.begin_time, now())`),
    save: (operation, step) => {
      const progress = sql.fragment`progress = ${JSON.stringify(step.progress)}::jsonb`;
      if ("cursor" in step) return change(operation, sql.fragment`${progress}, cursor = ${step.cursor}`);
      const response = JSON.stringify(step.response);
      return change(operation, sql.fragment`${progress}, response = ${response}::jsonb - 'path', ${ended}`);
    },
    fail: (operation, error) => change(operation, sql.fragment`error = ${JSON.stringify(error)}::jsonb, ${ended}`),
    async forget({ olderThanMs, limit }) {
      await pool.query(sql.unsafe`
        DELETE FROM operation o USING (
          SELECT d.namespace, d.operation_id FROM operation d WHERE d.end_time < now() - ${toInterval(olderThanMs)}
          ORDER BY d.end_time LIMIT ${limit}
        ) d
        WHERE o.namespace = d.namespace AND o.operation_id = d.operation_id`);
    },
  };
  return atBorder<OperationRepository>(repository);
}

async function start(
  pool: CommonQueryMethods,
  {
    operation: { operationId, kind, caller, request, progress },
    identity: { namespace, principal, method, requestId, contentSha256 },
    openMax,
  }: {
    operation: Parameters<OperationRepository["start"]>[0];
    identity: Parameters<OperationRepository["start"]>[1];
    openMax: number;
  },
): Promise<Operation> {
  await pool.query(sql.unsafe`
    INSERT INTO operation (namespace, operation_id, principal, request_id, content_sha256, kind, caller, request, progress)
    SELECT ${namespace}, ${operationId}::uuid, ${principal}, ${requestId}::uuid, ${toBytea(contentSha256)}, ${kind},
      ${JSON.stringify(caller)}::jsonb, ${JSON.stringify(request)}::jsonb, ${JSON.stringify(progress)}::jsonb
    WHERE (SELECT count(*) FROM operation o WHERE o.namespace = ${namespace} AND o.end_time IS NULL) < ${openMax}
    ON CONFLICT DO NOTHING`);
  const row = await pool.maybeOne(sql.type(startedRow)`
    SELECT ${columns}, o.content_sha256 = ${toBytea(contentSha256)} AS is_same FROM operation o
    WHERE o.namespace = ${namespace} AND o.principal = ${principal} AND o.request_id = ${requestId}::uuid`);
  if (row === null) throw operationsFull(namespace, openMax);
  if (!row.is_same) throw requestIdReused(requestId, method);
  return toOperation(row);
}

async function getOperation(pool: CommonQueryMethods, namespace: string, operationId: string): Promise<Operation> {
  const row = await pool.maybeOne(sql.type(operationRow)`
    SELECT ${columns} FROM operation o WHERE ${isNamed(namespace, operationId)}`);
  if (row === null) throw operationNotFound(operationId);
  return toOperation(row);
}

function isNamed(namespace: string, operationId: string): SqlFragment {
  return sql.fragment`o.namespace = ${namespace} AND o.operation_id = ${operationId}::uuid`;
}

function toOperation(row: z.infer<typeof operationRow>): Operation {
  const { namespace, kind, caller, request, cursor, progress, revision } = row;
  // The kind decides the forms of the columns in JSON, which only this service writes.
  return {
    operationId: row.operation_id,
    namespace,
    kind,
    caller,
    requestId: row.request_id,
    request,
    createTime: row.create_time,
    beginTime: row.begin_time ?? undefined,
    cancelTime: row.cancel_time ?? undefined,
    endTime: row.end_time ?? undefined,
    cursor,
    progress,
    revision,
    response: row.response ?? undefined,
    error: row.error ?? undefined,
  } as Operation;
}
