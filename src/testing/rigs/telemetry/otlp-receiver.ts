import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A span as OTLP's JSON has it, with its attributes by name. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  status: { code?: number };
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
}

/** A line of the log as OTLP's JSON has it, with its attributes by name. */
export interface ReceivedLine {
  severityNumber: number;
  body: string;
  traceId: string;
  spanId: string;
  attributes: Record<string, unknown>;
}

/** Takes traces, metrics and lines of the log as a collector does, as JSON. */
export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  /** The metrics that came by their names, each with the names of its labels. */
  metrics: Map<string, Set<string>>;
  lines: ReceivedLine[];
  /** The headers of requests in protobuf, which is not read here. */
  signed: IncomingHttpHeaders[];
  close(): Promise<void>;
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

/** Opens a receiver on a free port of this host. */
export async function openOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics: OtlpReceiver["metrics"] = new Map();
  const lines: ReceivedLine[] = [];
  const signed: OtlpReceiver["signed"] = [];
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    if (request.headers["content-type"] !== "application/json") {
      signed.push(request.headers);
      response.end();
      return;
    }
    const body = JSON.parse(bytes.toString());
    if (request.url?.endsWith("/v1/traces")) spans.push(...toSpans(body));
    if (request.url?.endsWith("/v1/logs")) lines.push(...toLines(body));
    if (request.url?.endsWith("/v1/metrics")) noteMetrics(body, metrics);
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metrics,
    lines,
    signed,
    close: () => new Promise((resolve) => server.closeAllConnections() ?? server.close(() => resolve())),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of another's protocol
function noteMetrics({ resourceMetrics }: any, noted: OtlpReceiver["metrics"]): void {
  for (const { scopeMetrics } of resourceMetrics)
    for (const { metrics } of scopeMetrics)
      for (const { name, gauge, sum, histogram } of metrics) {
        const labels = noted.get(name) ?? new Set();
        noted.set(name, labels);
        for (const { attributes } of (gauge ?? sum ?? histogram).dataPoints)
          for (const { key } of attributes) labels.add(key);
      }
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of another's protocol
function toLines({ resourceLogs }: any): ReceivedLine[] {
  return resourceLogs.flatMap(({ scopeLogs }: { scopeLogs: { logRecords: RawLine[] }[] }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map(({ body, attributes, traceId = "", spanId = "", ...line }) => ({
        ...line,
        ...{ traceId, spanId, body: body.stringValue, attributes: byName(attributes) },
      })),
    ),
  );
}

type RawLine = Omit<ReceivedLine, "attributes" | "body" | "traceId" | "spanId"> & {
  body: { stringValue: string };
  attributes: Attribute[];
  traceId?: string;
  spanId?: string;
};

function byName(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON of another's protocol
function toSpans({ resourceSpans }: any): ReceivedSpan[] {
  return resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: RawSpan[] }[] }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, parentSpanId = "", status = {}, links = [], ...span }) => ({
        ...span,
        parentSpanId,
        status,
        links: links.map(({ traceId, spanId }) => ({ traceId, spanId })),
        attributes: byName(attributes),
      })),
    ),
  );
}

type RawSpan = Omit<ReceivedSpan, "attributes" | "links" | "parentSpanId" | "status"> & {
  attributes: Attribute[];
  parentSpanId?: string;
  links?: ReceivedSpan["links"];
  status?: { code?: number };
};
