import { DiagLogLevel, diag } from "@opentelemetry/api";
import { measureCall } from "./call-metrics.ts";
import { createCallSpans } from "./call-spans.ts";
import type { OtlpForm } from "./exporters.ts";
import type { Sampling } from "./keeping-sampler.ts";
import { openLogRecords } from "./log-records.ts";
import { openMetrics } from "./metrics.ts";
import type { CallEnd, ObservedCall } from "./observed-call.ts";
import { measureRuntime } from "./runtime-metrics.ts";

/** What is told to whom. */
export interface TelemetrySettings {
  /** Undefined where no traces are wanted. Where they go is read by OpenTelemetry, from its own variables. */
  traces: (Sampling & { slowMs: number; delayMs: number }) | undefined;
  /** Undefined where no metrics are sent. */
  metrics: { intervalMs: number } | undefined;
  /** Undefined where the lines of the log go to standard output alone. */
  logs: { delayMs: number } | undefined;
  /** Whether somebody asks this process for its metrics. */
  isAsked: boolean;
  form: OtlpForm;
}

/** Where problems of the telemetry itself go; a pino logger fits. */
export interface TelemetryLog {
  warn(fields: object, message: string): void;
}

/** One problem is told in this time, in milliseconds: a collector that is away fails every few seconds. */
const PROBLEM_PAUSE_MS = 60_000;

/** What is known of all calls, for those who run the service. */
export interface Telemetry {
  /** Runs `work` as that call. */
  run(call: ObservedCall, work: () => void): void;
  end(call: ObservedCall, end: CallEnd): void;
  /** The metrics in Prometheus's text form; empty where nobody is to ask. */
  readMetrics(): Promise<string>;
  /** Sends what has not been sent, within `timeoutMs`. Never rejects: nobody notices that whoever collects it is away. */
  stop(timeoutMs: number): Promise<void>;
}

/** A service that is observed by nobody. */
export const NO_TELEMETRY: Telemetry = {
  run: (_call, work) => work(),
  end: () => {},
  readMetrics: async () => "",
  stop: async () => {},
};

/**
 * Starts OpenTelemetry's SDK for this process. Spans, metrics and lines of the log wait in its bounded queues; what a collector does not take in time
 * is dropped. The SDK is loaded where telemetry is wanted, and not otherwise.
 */
export async function startTelemetry(
  { traces, metrics, logs, isAsked, form }: TelemetrySettings,
  log: TelemetryLog,
): Promise<Telemetry> {
  if (traces === undefined && metrics === undefined && logs === undefined && !isAsked) return NO_TELEMETRY;
  const { startNodeSdk } = await import("@opentelemetry/sdk-node");
  const { defaultResource, resourceFromAttributes } = await import("@opentelemetry/resources");
  const { createLogExport, createMetricExport, createMetricsPage, createSpanExport } = await import("./exporters.ts");
  const { KeepingSampler } = await import("./keeping-sampler.ts");
  const page = isAsked ? createMetricsPage() : undefined;
  const sdk = startNodeSdk({
    logRecordProcessors: logs === undefined ? [] : [await createLogExport(form, logs.delayMs)],
    baseResource: defaultResource().merge(resourceFromAttributes({ "service.name": "sluice" })),
    ...(traces !== undefined && { sampler: new KeepingSampler(traces) }),
    spanProcessors: traces === undefined ? [] : [await createSpanExport(form, traces.delayMs)],
    metricReaders: [
      ...(metrics === undefined ? [] : [await createMetricExport(form, metrics.intervalMs)]),
      ...(page === undefined ? [] : [page.reader]),
    ],
  });
  if (logs !== undefined) openLogRecords();
  reportProblems(log);
  const spans = traces && createCallSpans(traces);
  const isMeasuring = metrics !== undefined || page !== undefined;
  if (isMeasuring) openMetrics();
  if (isMeasuring) measureRuntime();
  return {
    run: (call, work) => (spans === undefined ? work() : spans.run(call, work)),
    end: (call, end) => {
      spans?.end(call, end);
      if (isMeasuring) measureCall(call, end);
    },
    readMetrics: page?.read ?? NO_TELEMETRY.readMetrics,
    stop: async (timeoutMs) => {
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, timeoutMs);
      await Promise.race([sdk.shutdown().catch(() => {}), timer.promise]);
      clearTimeout(timeout);
    },
  };
}

/** OpenTelemetry would write to the console, beside the lines of the log. */
function reportProblems(log: TelemetryLog): void {
  let toldAt = Number.NEGATIVE_INFINITY;
  const report = (problem: string) => {
    if (performance.now() - toldAt < PROBLEM_PAUSE_MS) return;
    toldAt = performance.now();
    log.warn({ problem }, "telemetry does not reach its collector, or is not set up; calls go on without it");
  };
  const ignore = () => {};
  diag.setLogger(
    { error: report, warn: report, info: ignore, debug: ignore, verbose: ignore },
    { suppressOverrideMessage: true, logLevel: DiagLogLevel.WARN },
  );
}
