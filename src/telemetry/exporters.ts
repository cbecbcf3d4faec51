import { OTLPMetricExporter as JsonMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { type IMetricReader, PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";

/** The forms of OTLP over HTTP. gRPC would bring a second gRPC library. */
export type OtlpProtocol = "http/protobuf" | "http/json";

/**
 * How long a collector may take for one batch, with all tries, in milliseconds. A process that ends waits for it, so it is less than
 * OpenTelemetry's 10 s.
 */
const EXPORT_TIMEOUT_MS = 2000;

/** Keeps the metrics for whoever asks. Each series names the process, because the pages of all workers become one. */
export function createMetricsPage(): { reader: IMetricReader; read: () => Promise<string> } {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer(undefined, false, /^service\.instance\.id$/, true, true);
  return { reader, read: async () => serializer.serialize((await reader.collect()).resourceMetrics) };
}

/** How batches are sent: in which form, and, to an endpoint of AWS, signed for which region. */
export interface OtlpForm {
  protocol: OtlpProtocol;
  signedRegion: string | undefined;
}

/** Sends spans in batches every `delayMs`. Where to is read by OpenTelemetry, from its own variables. */
export async function createSpanExport(form: OtlpForm, delayMs: number): Promise<SpanProcessor> {
  return new BatchSpanProcessor({ exporter: await createTraceExporter(form), scheduledDelayMillis: delayMs });
}

async function createTraceExporter({ protocol, signedRegion: region }: OtlpForm): Promise<SpanExporter> {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  if (region !== undefined)
    return (await import("./signed-exporters.ts")).createSignedTraceExporter({ region, ...limits });
  return protocol === "http/json" ? new JsonTraceExporter(limits) : new OTLPTraceExporter(limits);
}

/** Sends metrics every `intervalMs`. */
export async function createMetricExport(form: OtlpForm, intervalMs: number): Promise<IMetricReader> {
  const exporter = await createMetricExporter(form);
  const exportTimeoutMillis = Math.min(EXPORT_TIMEOUT_MS, intervalMs);
  return new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: intervalMs, exportTimeoutMillis });
}

async function createMetricExporter({ protocol, signedRegion: region }: OtlpForm): Promise<PushMetricExporter> {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  if (region !== undefined)
    return (await import("./signed-exporters.ts")).createSignedMetricExporter({ region, ...limits });
  return protocol === "http/json" ? new JsonMetricExporter(limits) : new OTLPMetricExporter(limits);
}
