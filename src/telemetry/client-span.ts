import { type Attributes, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";

/** The name under which the service's own telemetry is known to OpenTelemetry. */
export const SCOPE = "sluice";

/**
 * Begins the span of a request to another system, in the trace of what is being done; undefined where nobody records that trace.
 * Whoever begins a span ends it.
 */
export function beginClientSpan(name: string, attributes: Attributes): Span | undefined {
  if (!isTraced()) return undefined;
  return trace.getTracer(SCOPE).startSpan(name, { kind: SpanKind.CLIENT, attributes });
}

/** Whether the trace of what is being done is recorded. */
export function isTraced(): boolean {
  return trace.getActiveSpan()?.isRecording() === true;
}

/** Ends the span of a request that failed. Its message may name people or files, so that the trace has the error's name alone. */
export function failSpan(span: Span | undefined, error: unknown): void {
  if (span === undefined) return;
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute(ATTR_ERROR_TYPE, nameError(error));
  span.end();
}

/** Runs `work` as the span of a request to another system. `measure` gets its time in seconds, and its error, if it failed. */
export async function inClientSpan<T>(
  name: string,
  attributes: Attributes,
  work: () => Promise<T>,
  measure: (seconds: number, error: unknown) => void,
): Promise<T> {
  const span = beginClientSpan(name, attributes);
  const begun = performance.now();
  const end = (error?: unknown) => measure((performance.now() - begun) / 1000, error);
  try {
    const result = await work();
    span?.end();
    end();
    return result;
  } catch (error) {
    failSpan(span, error);
    end(error);
    throw error;
  }
}

/** What telemetry may say of an error: its message may name people or files. */
export function nameError(error: unknown): string {
  return error instanceof Error ? error.name : "Error";
}
