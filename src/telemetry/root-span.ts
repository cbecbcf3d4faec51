import {
  type Attributes,
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import { formatAwsTrace, formatTraceParent, type SpanPlace } from "../domain/trace-parent.ts";
import { failSpan, SCOPE } from "./client-span.ts";

/** What the span of something says that the service does by itself. */
export interface RootSpanOptions<T> {
  kind?: SpanKind;
  attributes: Attributes;
  /** The spans of the calls that caused it, those that are recorded. */
  causes?: readonly SpanPlace[];
  /** What went wrong where the work does not reject; undefined when nothing did. It names no people and no files. */
  failureOf?: (result: T) => string | undefined;
}

/**
 * Runs `work` as a trace of its own, with links to what caused it: it may come much later, or be of many calls. It is recorded where one of
 * its causes is, or else as any other trace that begins here.
 */
export async function inRootSpan<T>(
  name: string,
  { kind, attributes, causes = [], failureOf }: RootSpanOptions<T>,
  work: () => Promise<T>,
): Promise<T> {
  const links = causes.map((place): Link => ({ context: { ...place, traceFlags: TraceFlags.SAMPLED } }));
  const options = { attributes, links, ...(kind !== undefined && { kind }) };
  const span = trace.getTracer(SCOPE).startSpan(name, options, ROOT_CONTEXT);
  try {
    const result = await context.with(trace.setSpan(ROOT_CONTEXT, span), work);
    const failure = failureOf?.(result);
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute(ATTR_ERROR_TYPE, failure);
    span.end();
    return result;
  } catch (error) {
    failSpan(span, error);
    throw error;
  }
}

/** The header that lets another system go on with the trace of what is being done; none where no traces are made. */
export function toTraceHeaders(): Record<string, string> {
  const place = activePlace();
  return place === undefined ? {} : { traceparent: formatTraceParent(place) };
}

/** The same in the form of AWS; undefined where no traces are made. */
export function toAwsTrace(): string | undefined {
  const place = activePlace();
  return place && formatAwsTrace(place);
}

function activePlace() {
  const place = trace.getActiveSpan()?.spanContext();
  if (place === undefined || !isSpanContextValid(place)) return undefined;
  return { ...place, isSampled: (place.traceFlags & TraceFlags.SAMPLED) !== 0 };
}
