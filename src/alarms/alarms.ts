import type { Named } from "../telemetry/metrics.ts";
import type { Dialect, Grouping } from "./dialect.ts";
import { BURN_RATES, type BurnRate, burns, CALLS, failedShare, slowShare } from "./objectives.ts";

/** What wakes somebody, or is to be seen on the next working day. docs/runbook.md has a section for each, with its name as the heading. */
export interface Alarm {
  /** `page` wakes somebody; a `ticket` waits for the next working day. */
  severity: "page" | "ticket";
  /** What is wrong, in a sentence. */
  says: string;
  /** How long that must last, in seconds. */
  forSeconds: number;
  condition: Threshold | ((q: Dialect) => string);
}

/** A gauge is above or below a bound in any process. The doctor reads these from a metrics page as well. */
export type Threshold = {
  [N in Named<"gauge">]: { gauge: N; by: readonly Grouping<N>[] } & ({ above: number } | { below: number });
}[Named<"gauge">];

const MINUTE = 60;
const DAY = 86_400;

/** Answers of S3 that are no trouble of S3: something is not there, somebody was faster, bytes are others, or our own signal. */
const EXPECTED_S3_ERRORS = '!~"|NotFound|NoSuchKey|NoSuchUpload|PreconditionFailed|InvalidPart|BadDigest|AbortError"';

/** All alarms. The forms for CloudWatch and Prometheus, the runbook and the doctor are made of, or compared with, this table. */
export const ALARMS = {
  "availability-fast-burn": burning("failed calls", failedShare, BURN_RATES.fast),
  "availability-steady-burn": burning("failed calls", failedShare, BURN_RATES.steady),
  "availability-slow-burn": burning("failed calls", failedShare, BURN_RATES.slow),
  "latency-fast-burn": burning("slow calls for metadata", slowShare, BURN_RATES.fast),
  "latency-steady-burn": burning("slow calls for metadata", slowShare, BURN_RATES.steady),
  "latency-slow-burn": burning("slow calls for metadata", slowShare, BURN_RATES.slow),
  "no-replica-ready": {
    severity: "page",
    says: "no process of the service is ready, or none reports its metrics",
    forSeconds: 2 * MINUTE,
    condition: (q) => `(${q.gauge("max", "sluice.ready")} or vector(0)) < 1`,
  },
  degraded: {
    severity: "ticket",
    says: "a component has been degraded for 15 minutes",
    forSeconds: 15 * MINUTE,
    condition: { gauge: "sluice.degraded", by: ["sluice.component"], above: 0 },
  },
  "residency-violated": {
    severity: "page",
    says: "a namespace cannot store or give out bytes, because its bucket lies where its files must not",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.residency.violations", by: [], above: 0 },
  },
  "certificate-ends": {
    severity: "page",
    says: "the certificate of the service ends within 3 days",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.certificate.expiry", by: [], below: 3 * DAY },
  },
  "certificate-ends-soon": {
    severity: "ticket",
    says: "the certificate of the service ends within 14 days",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.certificate.expiry", by: [], below: 14 * DAY },
  },
  "callers-turned-away": {
    severity: "ticket",
    says: "more than 1 % of calls are refused because the service is at a limit",
    forSeconds: 10 * MINUTE,
    condition: (q) => {
      const calls = (where: { "error.type"?: string }) =>
        q.rate("rpc.server.call.duration", { where: { ...CALLS, ...where }, window: "10m" });
      return `${calls({ "error.type": '="OVERLOADED"' })} / ${calls({})} > 0.01`;
    },
  },
  "s3-errors": {
    severity: "page",
    says: "more than 5 % of requests to S3 fail",
    forSeconds: 5 * MINUTE,
    condition: (q) => {
      const requests = (where: { "error.type"?: string }) =>
        q.rate("sluice.s3.request.duration", { where, window: "5m" });
      return `${requests({ "error.type": EXPECTED_S3_ERRORS })} / ${requests({})} > 0.05`;
    },
  },
  "s3-breaker-open": {
    severity: "page",
    says: "the service has given up some requests to S3 for now",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.s3.breakers.open", by: ["aws.s3.bucket", "sluice.operation"], above: 0 },
  },
  "database-pool-exhausted": {
    severity: "page",
    says: "statements have waited for connections to PostgreSQL for 5 minutes",
    forSeconds: 5 * MINUTE,
    condition: {
      gauge: "db.client.connection.pending_requests",
      by: ["db.client.connection.pool.name"],
      above: 5,
    },
  },
  "database-pool-wait": {
    severity: "ticket",
    says: "1 % of statements wait longer than 100 ms for a connection to PostgreSQL",
    forSeconds: 10 * MINUTE,
    condition: (q) => {
      const by = ["db.client.connection.pool.name"] as const;
      return `${q.quantile(0.99, "db.client.connection.wait_time", { by, window: "10m" })} > 0.1`;
    },
  },
  "journal-queue": {
    severity: "page",
    says: "entries of the journal wait to be written, and are lost if the process dies",
    forSeconds: 2 * MINUTE,
    // A tenth of the queue, QUEUE_LIMITS in journal/entry-queue.ts.
    condition: { gauge: "sluice.journal.waiting", by: [], above: 1000 },
  },
  "journal-lag": {
    severity: "page",
    says: "entries of the journal get no numbers, so that no event, delivery or audit log has them",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.journal.lag", by: [], above: 60 },
  },
  "audit-lag": {
    severity: "ticket",
    says: "the audit log lacks entries that are older than 15 minutes",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.audit.lag", by: [], above: 15 * MINUTE },
  },
  "delivery-lag": {
    severity: "ticket",
    says: "a subscription has not delivered events that are older than 15 minutes",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.delivery.lag", by: [], above: 15 * MINUTE },
  },
  "dead-letters": {
    severity: "ticket",
    says: "receivers did not take events, which were set aside within the last hour",
    forSeconds: 0,
    condition: (q) => {
      const where = { "sluice.outcome": '="dead"' };
      return `${q.growth("sluice.deliveries", { where, by: ["sluice.receiver"], window: "1h" })} > 0`;
    },
  },
  "purge-lag": {
    severity: "ticket",
    says: "bytes that were due to be purged a day ago are still there",
    forSeconds: 5 * MINUTE,
    condition: { gauge: "sluice.purge.lag", by: [], above: DAY },
  },
  "memory-full": {
    severity: "ticket",
    says: "a process has used more than 95 % of its memory for parts for 15 minutes",
    forSeconds: 15 * MINUTE,
    condition: (q) => {
      const by = ["service.instance.id"] as const;
      return `${q.gauge("sum", "sluice.memory.used", { by })} / ${q.gauge("sum", "sluice.memory.limit", { by })} > 0.95`;
    },
  },
  "event-loop-delay": {
    severity: "ticket",
    says: "the event loop of a process has been late for 10 minutes",
    forSeconds: 10 * MINUTE,
    condition: { gauge: "nodejs.eventloop.delay.p99", by: ["service.instance.id"], above: 0.25 },
  },
  "job-failing": {
    severity: "ticket",
    says: "a job fails, and has not succeeded for an hour",
    forSeconds: 0,
    condition: (q) => {
      const runs = (outcome: string) =>
        q.growth("sluice.job.run.duration", {
          where: { "sluice.outcome": `="${outcome}"` },
          by: ["sluice.job"],
          window: "1h",
        });
      return `${runs("failed")} > 0 unless ${runs("done")} > 0`;
    },
  },
} as const satisfies Record<string, Alarm>;

/** The name of an alarm, which is the anchor of its section in docs/runbook.md as well. */
export type AlarmName = keyof typeof ALARMS;

/** The alarms by their names. */
export const ALARM_LIST: readonly (readonly [AlarmName, Alarm])[] = Object.entries(ALARMS) as [AlarmName, Alarm][];

/** What is true while the alarm's trouble lasts, in PromQL. Each series of the answer is one place of the trouble. */
export function toCondition({ condition }: Alarm, q: Dialect): string {
  if (typeof condition === "function") return condition(q);
  const { gauge, by } = condition as { gauge: Named<"gauge">; by: readonly Grouping<Named<"gauge">>[] };
  return "above" in condition
    ? `${q.gauge("max", gauge, { by })} > ${condition.above}`
    : `${q.gauge("min", gauge, { by })} < ${condition.below}`;
}

/** The name where no hyphens may be: "s3-errors" is S3Errors. */
export function toCamelCase(name: AlarmName): string {
  return name.replace(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function burning(what: string, share: typeof failedShare, rate: BurnRate): Alarm {
  return {
    severity: rate.severity,
    says: `at the pace of the last ${rate.window}, ${what} use up the budget of 30 days in ${Math.round(30 / rate.factor)} days`,
    forSeconds: 0,
    condition: (q) => burns(q, share, rate),
  };
}
