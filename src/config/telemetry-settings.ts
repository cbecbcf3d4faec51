import type { Environment } from "./config-environment.ts";

/** Headers without which CloudWatch takes no lines of the log. */
const LOG_HEADERS = ["x-aws-log-group", "x-aws-log-stream"];

/** What does not fit together in the settings of telemetry, one sentence each. */
export function findTelemetryProblems(env: Partial<Environment>): string[] {
  if (env.SLUICE_OTLP_AUTH !== "sigv4" || !areLogsWanted(env)) return [];
  const named = (env.OTEL_EXPORTER_OTLP_LOGS_HEADERS ?? "").split(",").map((pair) => pair.split("=", 1)[0]?.trim());
  const missing = LOG_HEADERS.filter((header) => !named.includes(header));
  if (missing.length === 0) return [];
  return [
    `OTEL_EXPORTER_OTLP_LOGS_HEADERS lacks ${missing.join(" and ")}, which CloudWatch needs; set "x-aws-log-group=GROUP,x-aws-log-stream=STREAM", or OTEL_LOGS_EXPORTER=none`,
  ];
}

function isWanted(env: Partial<Environment>, exporter: "otlp" | "none" | undefined, endpoint: string | undefined) {
  const isNamed = (endpoint ?? env.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined;
  return env.OTEL_SDK_DISABLED !== "true" && exporter === "otlp" && isNamed;
}

function areLogsWanted(env: Partial<Environment>) {
  return isWanted(env, env.OTEL_LOGS_EXPORTER, env.OTEL_EXPORTER_OTLP_LOGS_ENDPOINT);
}

/** Traces, metrics and lines of the log are wanted where the environment says where they go. */
export function toTelemetry(env: Environment) {
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
    traces: isWanted(env, env.OTEL_TRACES_EXPORTER, env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) ? sampling : undefined,
    metrics: isWanted(env, env.OTEL_METRICS_EXPORTER, env.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT)
      ? { intervalMs: env.OTEL_METRIC_EXPORT_INTERVAL }
      : undefined,
    logs: areLogsWanted(env) ? { delayMs: env.OTEL_BLRP_SCHEDULE_DELAY } : undefined,
  };
}
