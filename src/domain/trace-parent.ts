/** The trace that a call is a part of, as its caller says. */
export interface TraceParent {
  /** 32 hexadecimal digits in lower case, not all of them 0. */
  readonly traceId: string;
  /** The caller's span, 16 hexadecimal digits in lower case; undefined where a load balancer names the trace alone. */
  readonly spanId: string | undefined;
  /** Whether the caller records the trace; undefined when it leaves that to the service. */
  readonly isSampled: boolean | undefined;
}

/** A span that somebody records: 32 and 16 hexadecimal digits in lower case. */
export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header. Versions after 00 may add fields behind these. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
/** https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
const AMZN_ROOT = /(?:^|;) ?Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)/;
const AMZN_PARENT = /(?:^|;) ?Parent=([0-9a-f]{16})(?:;|$)/;
const AMZN_SAMPLED = /(?:^|;) ?Sampled=([01])(?:;|$)/;

/**
 * The trace that the headers name: by `traceparent`, or else by the `x-amzn-trace-id` of AWS's load balancers. Undefined when they
 * name none, or in a form that is not theirs: a call goes on without what its caller says of traces.
 */
export function parseTraceParent(header: (name: string) => string | null | undefined): TraceParent | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(header("traceparent") ?? "") ?? [];
  if (traceId !== undefined) return { traceId, spanId, isSampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1 };
  const amzn = header("x-amzn-trace-id") ?? "";
  const [, time, rest] = AMZN_ROOT.exec(amzn) ?? [];
  if (time === undefined) return undefined;
  const sampled = AMZN_SAMPLED.exec(amzn)?.[1];
  return {
    traceId: `${time}${rest}`,
    spanId: AMZN_PARENT.exec(amzn)?.[1],
    isSampled: sampled === undefined ? undefined : sampled === "1",
  };
}

/** The header `traceparent` of a request that goes on with a trace. */
export function formatTraceParent({ traceId, spanId, isSampled }: SpanPlace & { isSampled: boolean }): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/** The header in which AWS names a trace, for a request that goes on with it. */
export function formatAwsTrace({ traceId, spanId, isSampled }: SpanPlace & { isSampled: boolean }): string {
  return `Root=1-${traceId.slice(0, 8)}-${traceId.slice(8)};Parent=${spanId};Sampled=${isSampled ? 1 : 0}`;
}
