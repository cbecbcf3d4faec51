import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { OTLPMetricExporterBase } from "@opentelemetry/exporter-metrics-otlp-http";
import { createOtlpNetworkExportDelegate, OTLPExporterBase } from "@opentelemetry/otlp-exporter-base";
import { convertLegacyHttpOptions, createOtlpHttpExporterMetrics } from "@opentelemetry/otlp-exporter-base/node-http";
import {
  type IExporterMetricsHelper,
  type ISerializer,
  LogsExporterMetricsHelper,
  MetricsExporterMetricsHelper,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from "@opentelemetry/otlp-transformer";
import type { LogRecordExporter, ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { createSignedTransport } from "./signed-transport.ts";

/** How batches are signed and how long one may take, with all tries. */
interface SignedLimits {
  region: string;
  timeoutMillis: number;
}

/** Sends spans to CloudWatch, signed by the default credentials of AWS. */
export function createSignedTraceExporter(limits: SignedLimits): SpanExporter {
  return new OTLPExporterBase<ReadableSpan[]>(
    createDelegate(["TRACES", "v1/traces", "xray"], ProtobufTraceSerializer, TraceExporterMetricsHelper, limits),
  );
}

/** Sends lines of the log to CloudWatch, signed by the default credentials of AWS. Their group and stream are headers of the environment. */
export function createSignedLogExporter(limits: SignedLimits): LogRecordExporter {
  return new OTLPExporterBase<ReadableLogRecord[]>(
    createDelegate(["LOGS", "v1/logs", "logs"], ProtobufLogsSerializer, LogsExporterMetricsHelper, limits),
  );
}

/** Sends metrics to CloudWatch, signed by the default credentials of AWS. */
export function createSignedMetricExporter(limits: SignedLimits): PushMetricExporter {
  return new OTLPMetricExporterBase(
    createDelegate(
      ["METRICS", "v1/metrics", "monitoring"],
      ProtobufMetricsSerializer,
      MetricsExporterMetricsHelper,
      limits,
    ),
  );
}

function createDelegate<T, R>(
  [signal, path, service]: readonly [name: string, path: string, service: string],
  serializer: ISerializer<T, R>,
  helper: IExporterMetricsHelper<T>,
  { region, timeoutMillis }: SignedLimits,
) {
  const contentType = { "content-type": "application/x-protobuf" };
  const options = convertLegacyHttpOptions({ timeoutMillis }, signal, path, contentType);
  const { url, headers } = options;
  const transport = createSignedTransport({ url, headers, service, region, credentials: defaultProvider() });
  const own = createOtlpHttpExporterMetrics("signed", helper, url, undefined);
  return createOtlpNetworkExportDelegate(options, serializer, own, transport);
}
