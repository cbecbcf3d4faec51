import type { MetricName } from "../telemetry/metrics.ts";
import type { Dialect, Grouping, Where } from "./dialect.ts";
import { CALLS, failedShare, slowShare } from "./objectives.ts";

/** One picture of the dashboards. */
export interface Panel {
  title: string;
  /** In Grafana's words. */
  unit: "percentunit" | "reqps" | "s" | "bytes" | "Bps" | "short";
  lines: readonly Line[];
}

/** What a picture draws: one line for each series of the answer. */
export interface Line {
  /** Says what the line is. Where the answer has a label, its value stands behind. */
  name: string;
  /** The label that tells the lines of one answer apart. */
  by?: Grouping<MetricName>;
  query: (q: Dialect) => string;
}

/** How far back each point of a line looks. */
const WINDOW = "5m";

/** What both dashboards show, from what callers see to what the process does. */
export const PANELS: readonly Panel[] = [
  {
    title: "Calls that the service failed, and the rates that burn the budget of 0.1 %",
    unit: "percentunit",
    lines: [
      { name: "5 minutes", query: (q) => failedShare(q, "5m") },
      { name: "1 hour", query: (q) => failedShare(q, "1h") },
      { name: "6 hours", query: (q) => failedShare(q, "6h") },
    ],
  },
  {
    title: "Calls for metadata that took longer than 250 ms",
    unit: "percentunit",
    lines: [
      { name: "5 minutes", query: (q) => slowShare(q, "5m") },
      { name: "1 hour", query: (q) => slowShare(q, "1h") },
      { name: "6 hours", query: (q) => slowShare(q, "6h") },
    ],
  },
  {
    title: "Calls",
    unit: "reqps",
    lines: [
      {
        name: "",
        by: "rpc.method",
        query: (q) => q.rate("rpc.server.call.duration", { where: CALLS, by: ["rpc.method"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Calls that failed, by reason",
    unit: "reqps",
    lines: [
      {
        name: "",
        by: "error.type",
        query: (q) =>
          q.rate("rpc.server.call.duration", {
            where: { ...CALLS, "error.type": '!=""' },
            by: ["error.type"],
            window: WINDOW,
          }),
      },
    ],
  },
  {
    title: "Time of 99 % of calls",
    unit: "s",
    lines: [
      {
        name: "",
        by: "rpc.method",
        query: (q) =>
          q.quantile(0.99, "rpc.server.call.duration", { where: CALLS, by: ["rpc.method"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Bytes of files",
    unit: "Bps",
    lines: [
      { name: "received", query: (q) => q.rate("sluice.upload.received", { window: WINDOW }) },
      { name: "durable", query: (q) => q.rate("sluice.upload.durable", { window: WINDOW }) },
      { name: "committed", query: (q) => q.rate("sluice.upload.committed", { window: WINDOW }) },
      { name: "read", query: (q) => q.rate("sluice.download.bytes", { window: WINDOW }) },
    ],
  },
  {
    title: "Streams that write, and parts that S3 does not have yet",
    unit: "short",
    lines: [
      { name: "streams", query: (q) => q.gauge("sum", "sluice.upload.streams") },
      { name: "parts", query: (q) => q.gauge("sum", "sluice.upload.parts") },
    ],
  },
  {
    title: "Memory for parts",
    unit: "bytes",
    lines: [
      { name: "used", query: (q) => q.gauge("sum", "sluice.memory.used") },
      { name: "budget", query: (q) => q.gauge("sum", "sluice.memory.limit") },
      { name: "moved to S3", query: (q) => q.gauge("sum", "sluice.spill.used") },
    ],
  },
  {
    title: "Time of 99 % of waits for memory",
    unit: "s",
    lines: [{ name: "99 %", query: (q) => q.quantile(0.99, "sluice.memory.wait.duration", { window: WINDOW }) }],
  },
  {
    title: "Health",
    unit: "short",
    lines: [
      { name: "processes that are ready", query: (q) => q.gauge("sum", "sluice.ready") },
      {
        name: "degraded:",
        by: "sluice.component",
        query: (q) => q.gauge("max", "sluice.degraded", { by: ["sluice.component"] }),
      },
      {
        name: "breaker open:",
        by: "aws.s3.bucket",
        query: (q) => q.gauge("max", "sluice.s3.breakers.open", { by: ["aws.s3.bucket"] }),
      },
      { name: "namespaces in a wrong region", query: (q) => q.gauge("max", "sluice.residency.violations") },
    ],
  },
  {
    title: "Until the certificate ends",
    unit: "s",
    lines: [{ name: "certificate", query: (q) => q.gauge("min", "sluice.certificate.expiry") }],
  },
  {
    title: "Requests to S3",
    unit: "reqps",
    lines: [
      {
        name: "",
        by: "rpc.method",
        query: (q) => q.rate("sluice.s3.request.duration", { by: ["rpc.method"], window: WINDOW }),
      },
      {
        name: "failed",
        query: (q) => q.rate("sluice.s3.request.duration", { where: { "error.type": '!=""' }, window: WINDOW }),
      },
    ],
  },
  {
    title: "Requests to S3 that are sent again, by error",
    unit: "reqps",
    lines: [
      {
        name: "",
        by: "error.type",
        query: (q) => q.rate("sluice.s3.retries", { by: ["error.type"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Time of 99 % of requests to S3",
    unit: "s",
    lines: [
      {
        name: "",
        by: "rpc.method",
        query: (q) => q.quantile(0.99, "sluice.s3.request.duration", { by: ["rpc.method"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Time of 99 % of statements in PostgreSQL",
    unit: "s",
    lines: [
      {
        name: "",
        by: "db.operation.name",
        query: (q) => q.quantile(0.99, "db.client.operation.duration", { by: ["db.operation.name"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Connections to PostgreSQL, and statements that wait for one",
    unit: "short",
    lines: [
      {
        name: "",
        by: "db.client.connection.state",
        query: (q) => q.gauge("sum", "db.client.connection.count", { by: ["db.client.connection.state"] }),
      },
      {
        name: "waiting:",
        by: "db.client.connection.pool.name",
        query: (q) =>
          q.gauge("sum", "db.client.connection.pending_requests", { by: ["db.client.connection.pool.name"] }),
      },
    ],
  },
  {
    title: "Time of 99 % of waits for a connection",
    unit: "s",
    lines: [
      {
        name: "",
        by: "db.client.connection.pool.name",
        query: (q) =>
          q.quantile(0.99, "db.client.connection.wait_time", {
            by: ["db.client.connection.pool.name"],
            window: WINDOW,
          }),
      },
    ],
  },
  {
    title: "Looks into caches that find what they want",
    unit: "percentunit",
    lines: [
      {
        name: "",
        by: "sluice.cache",
        query: (q) => {
          const looks = (where: Where<"sluice.cache.lookups">) =>
            q.rate("sluice.cache.lookups", { where, by: ["sluice.cache"], window: WINDOW });
          return `${looks({ "sluice.outcome": '="hit"' })} / ${looks({})}`;
        },
      },
    ],
  },
  {
    title: "Entries of the journal that are not written",
    unit: "short",
    lines: [{ name: "entries", query: (q) => q.gauge("sum", "sluice.journal.waiting") }],
  },
  {
    title: "How far what follows the journal is behind",
    unit: "s",
    lines: [
      { name: "numbers", query: (q) => q.gauge("max", "sluice.journal.lag") },
      { name: "audit log", query: (q) => q.gauge("max", "sluice.audit.lag") },
      { name: "deliveries", query: (q) => q.gauge("max", "sluice.delivery.lag") },
      { name: "purging", query: (q) => q.gauge("max", "sluice.purge.lag") },
    ],
  },
  {
    title: "Deliveries of events",
    unit: "reqps",
    lines: [
      {
        name: "",
        by: "sluice.outcome",
        query: (q) => q.rate("sluice.deliveries", { by: ["sluice.outcome"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Runs of jobs that failed, in an hour",
    unit: "short",
    lines: [
      {
        name: "",
        by: "sluice.job",
        query: (q) =>
          q.growth("sluice.job.run.duration", {
            where: { "sluice.outcome": '="failed"' },
            by: ["sluice.job"],
            window: "1h",
          }),
      },
    ],
  },
  {
    title: "Delay of the event loop, and time in garbage collections",
    unit: "s",
    lines: [
      {
        name: "delay:",
        by: "service.instance.id",
        query: (q) => q.gauge("max", "nodejs.eventloop.delay.p99", { by: ["service.instance.id"] }),
      },
      {
        name: "99 % of collections:",
        by: "v8js.gc.type",
        query: (q) => q.quantile(0.99, "v8js.gc.duration", { by: ["v8js.gc.type"], window: WINDOW }),
      },
    ],
  },
  {
    title: "Resident memory",
    unit: "bytes",
    lines: [
      {
        name: "",
        by: "service.instance.id",
        query: (q) => q.gauge("max", "process.memory.usage", { by: ["service.instance.id"] }),
      },
    ],
  },
];
