import { OTLPLogExporter as JsonLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as JsonMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, type LogRecordExporter, type LogRecordProcessor } from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  type IMetricReader,
  InstrumentType,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from "@opentelemetry/sdk-trace";

/** The forms of OTLP over HTTP. gRPC would bring a second gRPC library. */
export type OtlpProtocol = "http/protobuf" | "http/json";

/**
 * How long a collector may take for one batch, with all tries, in milliseconds. A process that ends waits for it, so it is less than
 * OpenTelemetry's 10 s.
 */
const EXPORT_TIMEOUT_MS = 2000;

/** Spans or lines of the log that wait to be sent, at most, those that one batch has, and how long that may take. What finds no room is dropped. */
const QUEUE_LIMITS = { maxQueueSize: 2048, maxExportBatchSize: 512, exportTimeoutMillis: EXPORT_TIMEOUT_MS };

/** Keeps the metrics for whoever asks. Each series names the process, because the pages of all workers become one. */
export function createMetricsPage(): { reader: IMetricReader; read: () => Promise<string> } {
  const reader = endUnobservedGauges(new PrometheusExporter({ preventServerStart: true }));
  const serializer = new PrometheusSerializer(undefined, false, /^service\.instance\.id$/, true, true);
  return { reader, read: async () => serializer.serialize((await reader.collect()).resourceMetrics) };
}

/**
 * Lets a gauge end that is not observed any more, such as a component that is well again. Of what is cumulative the SDK would tell the last
 * value for good; and what is sent of a gauge has no temporality.
 */
export function endUnobservedGauges<R extends IMetricReader>(reader: R): R {
  const select = reader.selectAggregationTemporality.bind(reader);
  reader.selectAggregationTemporality = (type) =>
    type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : select(type);
  return reader;
}

/** How batches are sent: in which form, and, to an endpoint of AWS, signed for which region. */
export interface OtlpForm {
  protocol: OtlpProtocol;
  signedRegion: string | undefined;
}

/** Sends spans in batches every `delayMs`. Where to is read by OpenTelemetry, from its own variables. */
export async function createSpanExport(form: OtlpForm, delayMs: number): Promise<SpanProcessor> {
  const exporter = await createTraceExporter(form);
  return new BatchSpanProcessor({ exporter, scheduledDelayMillis: delayMs, ...QUEUE_LIMITS });
}

async function createTraceExporter({ protocol, signedRegion: region }: OtlpForm): Promise<SpanExporter> {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  if (region !== undefined)
    return (await import("./signed-exporters.ts")).createSignedTraceExporter({ region, ...limits });
  return protocol === "http/json" ? new JsonTraceExporter(limits) : new OTLPTraceExporter(limits);
}

/** Sends the lines of the log in batches every `delayMs`. A line that finds no room is on standard output all the same. */
export async function createLogExport(form: OtlpForm, delayMs: number): Promise<LogRecordProcessor> {
  const exporter = await createLogExporter(form);
  return new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: delayMs, ...QUEUE_LIMITS });
}

async function createLogExporter({ protocol, signedRegion: region }: OtlpForm): Promise<LogRecordExporter> {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  if (region !== undefined)
    return (await import("./signed-exporters.ts")).createSignedLogExporter({ region, ...limits });
  return protocol === "http/json" ? new JsonLogExporter(limits) : new OTLPLogExporter(limits);
}

/** Sends metrics every `intervalMs`. */
export async function createMetricExport(form: OtlpForm, intervalMs: number): Promise<IMetricReader> {
  const exporter = await createMetricExporter(form);
  const exportTimeoutMillis = Math.min(EXPORT_TIMEOUT_MS, intervalMs);
  const times = { exportIntervalMillis: intervalMs, exportTimeoutMillis };
  return endUnobservedGauges(new PeriodicExportingMetricReader({ exporter, ...times }));
}

async function createMetricExporter({ protocol, signedRegion: region }: OtlpForm): Promise<PushMetricExporter> {
  const limits = { timeoutMillis: EXPORT_TIMEOUT_MS };
  if (region !== undefined)
    return (await import("./signed-exporters.ts")).createSignedMetricExporter({ region, ...limits });
  return protocol === "http/json" ? new JsonMetricExporter(limits) : new OTLPMetricExporter(limits);
}
