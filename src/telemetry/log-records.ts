import { type Context, type Logger, logs, ROOT_CONTEXT, SeverityNumber, TraceFlags, trace } from "@opentelemetry/api";
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
  const { level, time, msg, ...attributes } = JSON.parse(line) as LogLine;
  records.emit({
    timestamp: new Date(time),
    severityNumber: SEVERITIES[level] ?? SeverityNumber.UNSPECIFIED,
    severityText: level,
    body: msg,
    attributes,
    context: toContext(attributes),
  });
}

function toContext({ traceId, spanId }: Pick<LogLine, "traceId" | "spanId">): Context {
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.NONE });
}
