import type { Environment } from "./config-environment.ts";

/** Traces and metrics are wanted where the environment says where they go. */
export function toTelemetry(env: Environment) {
  const isWanted = (exporter: "otlp" | "none", endpoint: string | undefined) =>
    env.OTEL_SDK_DISABLED !== "true" &&
    exporter === "otlp" &&
    (endpoint ?? env.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined;
  const sampling = {
    sampler: env.OTEL_TRACES_SAMPLER,
    ratio: env.OTEL_TRACES_SAMPLER_ARG,
    slowMs: env.SLUICE_SLOW_CALL_MS,
    delayMs: env.OTEL_BSP_SCHEDULE_DELAY,
  };
  return {
    isAsked: env.SLUICE_METRICS_LISTEN !== undefined,
    form: {
      protocol: env.OTEL_EXPORTER_OTLP_PROTOCOL,
      signedRegion: env.SLUICE_OTLP_AUTH === "sigv4" ? (env.AWS_REGION ?? env.SLUICE_S3_REGION) : undefined,
    },
    traces: isWanted(env.OTEL_TRACES_EXPORTER, env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) ? sampling : undefined,
    metrics: isWanted(env.OTEL_METRICS_EXPORTER, env.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT)
      ? { intervalMs: env.OTEL_METRIC_EXPORT_INTERVAL }
      : undefined,
  };
}
