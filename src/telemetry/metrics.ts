import { type Attributes, type Histogram, type Meter, metrics } from "@opentelemetry/api";
import { BoundedNames } from "./bounded-names.ts";

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
  "sluice.upload.received": {
    kind: "counter",
    unit: "By",
    says: "bytes that callers have sent",
    labels: ["sluice.namespace"],
  },
  "sluice.upload.durable": {
    kind: "counter",
    unit: "By",
    says: "bytes that callers have sent, that S3 has and that are recorded",
    labels: ["sluice.namespace"],
  },
  "sluice.upload.committed": {
    kind: "counter",
    unit: "By",
    says: "bytes of new generations of files, those of copies as well",
    labels: ["sluice.namespace"],
  },
  "sluice.download.bytes": {
    kind: "counter",
    unit: "By",
    says: "bytes of files that callers have read, in calls that have ended",
    labels: ["rpc.method", "sluice.namespace"],
  },
  "sluice.upload.streams": { kind: "gauge", unit: "{stream}", says: "streams that write now", labels: [] },
  "sluice.upload.parts": { kind: "gauge", unit: "{part}", says: "parts that S3 does not have yet", labels: [] },
  "sluice.memory.used": { kind: "gauge", unit: "By", says: "bytes of parts in memory", labels: [] },
  "sluice.memory.limit": { kind: "gauge", unit: "By", says: "the memory budget", labels: [] },
  "sluice.memory.freeing": {
    kind: "gauge",
    unit: "1",
    says: "1 where received memory is given back by hand, 0 where it is left to the collector and uploads cost more CPU",
    labels: [],
  },
  "sluice.memory.wait.duration": {
    kind: "histogram",
    unit: "s",
    says: "waits of parts for memory, where they had to wait",
    labels: [],
  },
  "sluice.spill.used": { kind: "gauge", unit: "By", says: "bytes of slow parts that were moved to S3", labels: [] },
  "sluice.s3.request.duration": {
    kind: "histogram",
    unit: "s",
    says: "requests to S3; of parts with their bodies",
    labels: ["rpc.method", "error.type"],
  },
  "sluice.s3.retries": {
    kind: "counter",
    unit: "{retry}",
    says: "requests to S3 that are sent again, by how the try before failed",
    labels: ["rpc.method", "error.type"],
  },
  "sluice.s3.breakers.open": {
    kind: "gauge",
    unit: "{breaker}",
    says: "1 for each kind of request that a bucket is not sent for now",
    labels: ["aws.s3.bucket", "sluice.operation"],
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
  "db.client.connection.wait_time": {
    kind: "histogram",
    unit: "s",
    says: "waits for a connection to PostgreSQL",
    labels: ["db.client.connection.pool.name"],
  },
  "sluice.cache.lookups": {
    kind: "counter",
    unit: "{lookup}",
    says: "looks into a cache: `hit` or `miss`",
    labels: ["sluice.cache", "sluice.outcome"],
  },
  "sluice.journal.waiting": { kind: "gauge", unit: "{entry}", says: "entries that are not written yet", labels: [] },
  "sluice.journal.lag": { kind: "gauge", unit: "s", says: "age of the oldest entry without a number", labels: [] },
  "sluice.audit.lag": {
    kind: "gauge",
    unit: "s",
    says: "age of the oldest numbered entry that no checkpoint of the audit log has",
    labels: [],
  },
  "sluice.deliveries": {
    kind: "counter",
    unit: "{delivery}",
    says: "events that were sent: `delivered`, `failed` and tried again, or `dead`, which are set aside",
    labels: ["sluice.receiver", "sluice.outcome"],
  },
  "sluice.delivery.lag": {
    kind: "gauge",
    unit: "s",
    says: "age of the oldest entry behind the cursor of an active subscription",
    labels: [],
  },
  "sluice.purge.lag": {
    kind: "gauge",
    unit: "s",
    says: "how long the file is overdue to be purged that was due first",
    labels: [],
  },
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
  "sluice.certificate.expiry": { kind: "gauge", unit: "s", says: "until the served certificate ends", labels: [] },
  "sluice.residency.violations": {
    kind: "gauge",
    unit: "{namespace}",
    says: "namespaces whose buckets lie where their files must not",
    labels: [],
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

/** Namespaces that metrics tell apart: each is some twenty series for each method that is called in it. */
export const NAMESPACES_MAX = 100;
/** Buckets that metrics tell apart. */
const BUCKETS_MAX = 100;
/** Labels whose values callers and operators make up: the first values of each are told apart, and all others are "other". */
let bounded = createBounded();

function createBounded(): Readonly<Record<string, BoundedNames>> {
  return {
    "sluice.namespace": new BoundedNames(NAMESPACES_MAX),
    "aws.s3.bucket": new BoundedNames(BUCKETS_MAX),
  };
}

let meter: Meter | undefined;
const instruments = new Map<MetricName, (value: number, attributes: Attributes) => void>();

/** Lets metrics go to OpenTelemetry from now on, with no names known yet; before, or without, recording one costs nothing. */
export function openMetrics(): void {
  meter = metrics.getMeter("sluice");
  instruments.clear();
  bounded = createBounded();
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
  record(value, toAttributes(labels));
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

/** Reads the values of a gauge whenever somebody looks. Values with the same labels are summed: those of "other" names. */
export function observeMetric<N extends Named<"gauge">>(
  name: N,
  read: () => Iterable<readonly [value: number, labels: Labels<N>]>,
): void {
  const { unit, says: description } = METRICS[name];
  meter?.createObservableGauge(name, { unit, description }).addCallback((result) => {
    const sums = new Map<string, { value: number; attributes: Attributes }>();
    for (const [value, labels] of read()) {
      const attributes = toAttributes(labels);
      const key = JSON.stringify(attributes);
      sums.set(key, { value: value + (sums.get(key)?.value ?? 0), attributes });
    }
    for (const { value, attributes } of sums.values()) result.observe(value, attributes);
  });
}

function toAttributes(labels: Labels<MetricName>): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries<string | undefined>(labels))
    if (value !== undefined) attributes[name] = bounded[name]?.of(value) ?? value;
  return attributes;
}
