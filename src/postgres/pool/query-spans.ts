import type { Span } from "@opentelemetry/api";
import {
  ATTR_DB_COLLECTION_NAME,
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_QUERY_TEXT,
  ATTR_DB_SYSTEM_NAME,
} from "@opentelemetry/semantic-conventions";
import type { Interceptor } from "slonik";
import { beginClientSpan, failSpan } from "../../telemetry/client-span.ts";

/** Characters of a statement that its span has. Values are never in it. */
const QUERY_TEXT_MAX_CHARACTERS = 2000;
/** What a statement changes first, or else where it reads first. Our statements write keywords in capitals, and names without. */
const CHANGES = /\b(INSERT) INTO ([a-z_]+)|\b(UPDATE) ([a-z_]+)|\b(DELETE) FROM ([a-z_]+)/;
const READS = /\b(?:FROM|JOIN) ([a-z_]+)\b(?!\()/;

/** A span for each statement of a trace that is recorded. */
export function createQuerySpans(): Interceptor {
  const spans = new Map<string, Span>();
  return {
    name: "query-spans",
    beforeQueryExecution: ({ queryId }, { sql }) => {
      const { operation, table } = describe(sql);
      const span = beginClientSpan(table === "" ? operation : `${operation} ${table}`, {
        [ATTR_DB_SYSTEM_NAME]: "postgresql",
        [ATTR_DB_OPERATION_NAME]: operation,
        [ATTR_DB_QUERY_TEXT]: sql.slice(0, QUERY_TEXT_MAX_CHARACTERS),
        ...(table !== "" && { [ATTR_DB_COLLECTION_NAME]: table }),
      });
      if (span !== undefined) spans.set(queryId, span);
      return null;
    },
    afterQueryExecution: ({ queryId }) => {
      spans.get(queryId)?.end();
      spans.delete(queryId);
      return null;
    },
    queryExecutionError: ({ queryId }, _query, error) => {
      failSpan(spans.get(queryId), error);
      spans.delete(queryId);
      return null;
    },
  };
}

function describe(sql: string): { operation: string; table: string } {
  const [, insert, inserted, update, updated, remove, removed] = CHANGES.exec(sql) ?? [];
  const operation = insert ?? update ?? remove ?? "SELECT";
  return { operation, table: inserted ?? updated ?? removed ?? READS.exec(sql)?.[1] ?? "" };
}
