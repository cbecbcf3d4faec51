import { type Attributes, type Histogram, type Meter, metrics } from "@opentelemetry/api";

/** What one metric says, and by which labels. */
interface MetricDescription {
  kind: "histogram" | "counter" | "gauge";
  /** In UCUM, as OpenTelemetry wants it. */
  unit: string;
  says: string;
  labels: readonly string[];
}

/**
 * All metrics of the service. Names and labels that are not under `sluice.` are OpenTelemetry's own
 * (https://opentelemetry.io/docs/specs/semconv/). The table in docs/operating.md says the same, and a test compares it with what a
 * service emits.
 */
export const METRICS = {
  "rpc.server.call.duration": {
    kind: "histogram",
    unit: "s",
    says: "calls, from their headers to the end of their answers",
    labels: ["rpc.system.name", "rpc.method", "rpc.status_code", "error.type", "sluice.namespace"],
  },
  "sluice.file.bytes": {
    kind: "counter",
    unit: "By",
    says: "bytes of files in calls that have ended",
    labels: ["rpc.method", "sluice.namespace"],
  },
  "sluice.upload.streams": { kind: "gauge", unit: "{stream}", says: "streams that write now", labels: [] },
  "sluice.memory.used": { kind: "gauge", unit: "By", says: "bytes of parts in memory", labels: [] },
  "sluice.memory.limit": { kind: "gauge", unit: "By", says: "the memory budget", labels: [] },
  "sluice.s3.request.duration": {
    kind: "histogram",
    unit: "s",
    says: "requests to S3; of parts with their bodies",
    labels: ["rpc.method", "error.type"],
  },
  "sluice.s3.breakers.open": {
    kind: "gauge",
    unit: "{breaker}",
    says: "buckets and kinds of requests that are given up for now",
    labels: [],
  },
  "db.client.operation.duration": {
    kind: "histogram",
    unit: "s",
    says: "statements in PostgreSQL",
    labels: ["db.system.name", "db.operation.name", "db.collection.name", "error.type"],
  },
  "db.client.connection.count": {
    kind: "gauge",
    unit: "{connection}",
    says: "connections to PostgreSQL",
    labels: ["db.client.connection.pool.name", "db.client.connection.state"],
  },
  "db.client.connection.pending_requests": {
    kind: "gauge",
    unit: "{request}",
    says: "statements that wait for a connection",
    labels: ["db.client.connection.pool.name"],
  },
  "sluice.journal.waiting": { kind: "gauge", unit: "{entry}", says: "entries that are not written yet", labels: [] },
  "sluice.job.run.duration": {
    kind: "histogram",
    unit: "s",
    says: "runs of what the service does by the clock",
    labels: ["sluice.job", "sluice.outcome"],
  },
  "sluice.ready": { kind: "gauge", unit: "1", says: "1 where `/readyz` says ready", labels: [] },
  "sluice.degraded": {
    kind: "gauge",
    unit: "1",
    says: "1 for each component that is degraded",
    labels: ["sluice.component"],
  },
  "nodejs.eventloop.delay.p99": {
    kind: "gauge",
    unit: "s",
    says: "delay of the event loop since the last look",
    labels: [],
  },
  "v8js.gc.duration": { kind: "histogram", unit: "s", says: "garbage collections", labels: ["v8js.gc.type"] },
  "process.memory.usage": { kind: "gauge", unit: "By", says: "resident memory", labels: [] },
} as const satisfies Record<string, MetricDescription>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
/** The names of the metrics of a kind. */
export type Named<K extends MetricDescription["kind"]> = {
  [N in MetricName]: (typeof METRICS)[N]["kind"] extends K ? N : never;
}[MetricName];
/** The labels of a metric. */
export type Label<N extends MetricName> = (typeof METRICS)[N]["labels"][number];
/** Values of a metric's labels; those that say nothing are left out. */
export type Labels<N extends MetricName> = { readonly [L in Label<N>]?: string | undefined };

/** Boundaries of histograms of seconds: from one statement to a large file. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

let meter: Meter | undefined;
const instruments = new Map<MetricName, (value: number, attributes: Attributes) => void>();

/** Lets metrics go to OpenTelemetry from now on; before, or without, recording one costs nothing. */
export function openMetrics(): void {
  meter = metrics.getMeter("sluice");
  instruments.clear();
}

/** Whether metrics go anywhere. */
export function isMeasured(): boolean {
  return meter !== undefined;
}

/** Records a value of a histogram, or adds to a counter. */
export function recordMetric<N extends Named<"histogram" | "counter">>(
  name: N,
  value: number,
  labels: Labels<N>,
): void {
  if (meter === undefined) return;
  let record = instruments.get(name);
  if (record === undefined) {
    record = createInstrument(meter, name);
    instruments.set(name, record);
  }
  record(value, labels as Attributes);
}

function createInstrument(owner: Meter, name: MetricName): (value: number, attributes: Attributes) => void {
  const { kind, unit, says: description } = METRICS[name];
  if (kind === "counter") {
    const counter = owner.createCounter(name, { unit, description });
    return (value, attributes) => counter.add(value, attributes);
  }
  const options = { unit, description, advice: { explicitBucketBoundaries: SECONDS } };
  const histogram: Histogram = owner.createHistogram(name, options);
  return (value, attributes) => histogram.record(value, attributes);
}

/** Reads the values of a gauge whenever somebody looks. */
export function observeMetric<N extends Named<"gauge">>(
  name: N,
  read: () => Iterable<readonly [value: number, labels: Labels<N>]>,
): void {
  const { unit, says: description } = METRICS[name];
  meter?.createObservableGauge(name, { unit, description }).addCallback((result) => {
    for (const [value, labels] of read()) result.observe(value, labels as Attributes);
  });
}
