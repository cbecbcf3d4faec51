import type { Span } from "@opentelemetry/api";
import {
  ATTR_DB_COLLECTION_NAME,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_QUERY_TEXT,
  ATTR_DB_SYSTEM_NAME,
  ATTR_ERROR_TYPE,
} from "@opentelemetry/semantic-conventions";
import type { Interceptor } from "slonik";
import { beginClientSpan, failSpan, isTraced, nameError } from "../../telemetry/client-span.ts";
import { isMeasured, recordMetric } from "../../telemetry/metrics.ts";

/** Characters of a statement that its span has. Values are never in it. */
const QUERY_TEXT_MAX_CHARACTERS = 2000;
/** What a statement changes first, or else where it reads first. Our statements write keywords in capitals, and names without. */
const CHANGES = /\b(INSERT) INTO ([a-z_]+)|\b(UPDATE) ([a-z_]+)|\b(DELETE) FROM ([a-z_]+)/;
const READS = /\b(?:FROM|JOIN) ([a-z_]+)\b(?!\()/;

/** Measures each statement of a pool and each wait for a connection, and makes a span of a statement where its trace is recorded. */
export function observeQueries(poolName: string): Interceptor {
  /** When the waits began. Slonik tells the begin and the end of one wait by the same object. */
  const waiting = new WeakMap<object, number>();
  const running = new Map<string, { span: Span | undefined; begun: number; operation: string; table: string }>();
  const end = (queryId: string, error?: unknown) => {
    const known = running.get(queryId);
    if (known === undefined) return null;
    running.delete(queryId);
    const { span, begun, operation, table } = known;
    if (error === undefined) span?.end();
    else failSpan(span, error);
    recordMetric("db.client.operation.duration", (performance.now() - begun) / 1000, {
      [ATTR_DB_SYSTEM_NAME]: "postgresql",
      [ATTR_DB_OPERATION_NAME]: operation,
      [ATTR_DB_COLLECTION_NAME]: table,
      ...(error !== undefined && { [ATTR_ERROR_TYPE]: nameError(error) }),
    });
    return null;
  };
  return {
    name: "observe-queries",
    beforePoolConnection: (wait) => {
      if (isMeasured()) waiting.set(wait, performance.now());
      return null;
    },
    afterPoolConnection: (wait) => {
      const begun = waiting.get(wait);
      if (begun !== undefined) {
        const labels = { "db.client.connection.pool.name": poolName };
        recordMetric("db.client.connection.wait_time", (performance.now() - begun) / 1000, labels);
      }
      return null;
    },
    beforeQueryExecution: ({ queryId }, { sql }) => {
      if (!isMeasured() && !isTraced()) return null;
      const { operation, table } = describe(sql);
      const span = beginClientSpan(`${operation} ${table}`, {
        [ATTR_DB_SYSTEM_NAME]: "postgresql",
        [ATTR_DB_OPERATION_NAME]: operation,
        [ATTR_DB_QUERY_TEXT]: sql.slice(0, QUERY_TEXT_MAX_CHARACTERS),
        [ATTR_DB_COLLECTION_NAME]: table,
      });
      running.set(queryId, { span, begun: performance.now(), operation, table });
      return null;
    },
    afterQueryExecution: ({ queryId }) => end(queryId),
    queryExecutionError: ({ queryId }, _query, error) => end(queryId, error),
  };
}

/** Texts of statements that are described once. */
const DESCRIBED_MAX = 500;
const described = new Map<string, { operation: string; table: string }>();

/** Texts of statements are few, but for those of filters: all are forgotten when they become too many. */
function describe(sql: string): { operation: string; table: string } {
  const known = described.get(sql);
  if (known !== undefined) return known;
  const [, insert, inserted, update, updated, remove, removed] = CHANGES.exec(sql) ?? [];
  const operation = insert ?? update ?? remove ?? "SELECT";
  const found = { operation, table: inserted ?? updated ?? removed ?? READS.exec(sql)?.[1] ?? "none" };
  if (described.size >= DESCRIBED_MAX) described.clear();
  described.set(sql, found);
  return found;
}
