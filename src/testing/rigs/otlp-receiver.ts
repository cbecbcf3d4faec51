import { createServer } from "node:http";
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
}

/** Takes traces and metrics as a collector does, as JSON. */
export interface OtlpReceiver {
  url: string;
  spans: ReceivedSpan[];
  /** The metrics that came by their names, each with the names of its labels. */
  metrics: Map<string, Set<string>>;
  /** The Authorization headers of requests in protobuf, which is not read here. */
  authorizations: (string | undefined)[];
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
  const authorizations: OtlpReceiver["authorizations"] = [];
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    if (request.headers["content-type"] !== "application/json") {
      authorizations.push(request.headers.authorization);
      response.end();
      return;
    }
    const body = JSON.parse(bytes.toString());
    if (request.url?.endsWith("/v1/traces")) spans.push(...toSpans(body));
    if (request.url?.endsWith("/v1/metrics")) noteMetrics(body, metrics);
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    metrics,
    authorizations,
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
function toSpans({ resourceSpans }: any): ReceivedSpan[] {
  return resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: RawSpan[] }[] }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, parentSpanId = "", status = {}, ...span }) => ({
        ...span,
        parentSpanId,
        status,
        attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
      })),
    ),
  );
}

type RawSpan = Omit<ReceivedSpan, "attributes" | "parentSpanId" | "status"> & {
  attributes: Attribute[];
  parentSpanId?: string;
  status?: { code?: number };
};
