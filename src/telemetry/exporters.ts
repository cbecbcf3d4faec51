import { OTLPMetricExporter as JsonMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { type IMetricReader, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type SpanProcessor } from "@opentelemetry/sdk-trace";

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

/** Sends spans in batches every `delayMs`. Where to is read by OpenTelemetry, from its own variables. */
export function createSpanExport(protocol: OtlpProtocol, delayMs: number): SpanProcessor {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  const exporter = protocol === "http/json" ? new JsonTraceExporter(limits) : new OTLPTraceExporter(limits);
  return new BatchSpanProcessor({ exporter, scheduledDelayMillis: delayMs });
}

/** Sends metrics every `intervalMs`. */
export function createMetricExport(protocol: OtlpProtocol, intervalMs: number): IMetricReader {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  const exporter = protocol === "http/json" ? new JsonMetricExporter(limits) : new OTLPMetricExporter(limits);
  const exportTimeoutMillis = Math.min(EXPORT_TIMEOUT_MS, intervalMs);
  return new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: intervalMs, exportTimeoutMillis });
}
