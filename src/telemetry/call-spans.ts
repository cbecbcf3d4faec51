import { randomBytes } from "node:crypto";
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
} from "@opentelemetry/semantic-conventions";
import { SCOPE } from "./client-span.ts";
import { type CallEnd, isOwnFailure, type ObservedCall, SYSTEMS, toOutcome, toStatus } from "./observed-call.ts";

/** Present in a context whose spans are recorded whatever the sampler would say. */
export const KEPT = createContextKey("sluice: spans are recorded in any case");
/** Present in a context whose trace began elsewhere, where nobody has decided whether it is recorded. */
export const UNDECIDED = createContextKey("sluice: nobody has decided whether the trace is recorded");

/** Spans of calls: those that are sampled with all that they cause, and of the others those that fail or are slow, by themselves. */
export interface CallSpans {
  /** Runs `work` in the span of the call. */
  run(call: ObservedCall, work: () => void): void;
  end(call: ObservedCall, end: CallEnd): void;
}

/**
 * Spans by OpenTelemetry's tracer. A call that is not sampled, and that fails by a fault of the service or takes longer than `slowMs`,
 * gets its span at its end: what it caused is not known any more. Streams that carry files or wait for news are never slow.
 */
export function createCallSpans({ slowMs }: { slowMs: number }): CallSpans {
  const spans = new WeakMap<ObservedCall, { span: Span; within: Context; begun: number }>();
  const tracer = trace.getTracer(SCOPE);
  return {
    run(call, work) {
      const within = toParent(call);
      const begun = Date.now();
      const span = tracer.startSpan(call.method, { kind: SpanKind.SERVER, startTime: begun }, within);
      const { traceId, spanId } = span.spanContext();
      Object.assign(call, { traceId, spanId, isRecorded: span.isRecording() });
      spans.set(call, { span, within, begun });
      context.with(trace.setSpan(within, span), work);
    },
    end(call, end) {
      const known = spans.get(call);
      if (known === undefined) return;
      const { span, within, begun } = known;
      const isKept = isOwnFailure(call) || (end.durationMs > slowMs && !isStream(call.method));
      if (span.isRecording()) complete(span, call, end);
      else if (isKept) {
        const kept = trace.setSpan(within, span).setValue(KEPT, true);
        complete(tracer.startSpan(call.method, { kind: SpanKind.SERVER, startTime: begun }, kept), call, end);
      }
    },
  };
}

const STREAMS = /\/(WriteUpload|ReadFile|Watch\w*)$/;

function isStream(method: string): boolean {
  return STREAMS.test(method);
}

function complete(span: Span, call: ObservedCall, end: CallEnd): void {
  const status = toStatus(call, end);
  const { fileBytes } = call;
  const attributes: Attributes = {
    [ATTR_RPC_SYSTEM_NAME]: SYSTEMS[call.face],
    [ATTR_RPC_METHOD]: call.method,
    [ATTR_RPC_STATUS_CODE]: status,
    ...(status !== "OK" && { [ATTR_ERROR_TYPE]: toOutcome(call, end) }),
    ...(call.namespace !== "" && { "sluice.namespace": call.namespace }),
    ...(fileBytes > 0 && { "sluice.file.bytes": fileBytes }),
  };
  span.updateName(call.method).setAttributes(attributes);
  if (isOwnFailure(call)) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** A context with the caller's span. Where a load balancer names the trace alone, the span that would be the parent is unknown. */
function toParent({ parent }: ObservedCall): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId = randomBytes(8).toString("hex"), isSampled } = parent;
  const traceFlags = isSampled === true ? TraceFlags.SAMPLED : TraceFlags.NONE;
  const within = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
  return isSampled === undefined ? within.setValue(UNDECIDED, true) : within;
}
