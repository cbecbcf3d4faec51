import { type Context, type Logger, logs, ROOT_CONTEXT, SeverityNumber, TraceFlags, trace } from "@opentelemetry/api";
import type { SpanPlace } from "../domain/trace-parent.ts";
import { SCOPE } from "./client-span.ts";

/** What OpenTelemetry calls the levels of the log. */
const SEVERITIES: Readonly<Record<string, SeverityNumber>> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** A line of the log, as `createLogger` writes it. */
interface LogLine {
  level: string;
  time: string;
  msg: string;
  instance: string;
  traceId?: string;
  spanId?: string;
}

let records: Logger | undefined;

/** Lets the lines of the log go to OpenTelemetry as well from now on; before, or without, they cost nothing more. */
export function openLogRecords(): void {
  records = logs.getLogger(SCOPE);
}

/** Hands a line on, in the form in which it is written: whatever is cut out of the log has not been in it. */
export function recordLine(line: string): void {
  if (records === undefined) return;
  // Each attribute has its cost, and the resource says which process it is, as the context says which trace.
  const { level, time, msg, instance: _, traceId, spanId, ...attributes } = JSON.parse(line) as LogLine;
  const isInTrace = traceId !== undefined && spanId !== undefined;
  records.emit({
    timestamp: new Date(time),
    severityNumber: SEVERITIES[level] ?? SeverityNumber.UNSPECIFIED,
    severityText: level,
    body: msg,
    attributes: isInTrace || traceId === undefined ? attributes : { ...attributes, traceId },
    context: isInTrace ? toContext({ traceId, spanId }) : ROOT_CONTEXT,
  });
}

function toContext(place: SpanPlace): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { ...place, traceFlags: TraceFlags.NONE });
}
