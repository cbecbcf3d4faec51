import type { JobLeases } from "../domain/jobs/job-leases.ts";
import { OPERATION_LIMITS } from "../domain/jobs/operation.ts";
import type { JournalRelay } from "../domain/journal/journal.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import type { ReadLags } from "../domain/service-lags.ts";
import { NUMBERING_PACE, numberEntries } from "../journal/number-entries.ts";
import { REBALANCE_EVERY_MS } from "../transfer/memory-budget.ts";
import type { TransferAccess } from "../transfer/transfer-access.ts";
import type { UploadSessions } from "../transfer/upload-sessions.ts";
import { toLagMeasuring } from "./measure-lags.ts";
import { type NamespaceJobDeps, toNamespaceJobs } from "./namespace-jobs.ts";
import { noteReceived } from "./note-received.ts";
import { type AuditLogJobs, startAuditLogJobs } from "./publish-audit-log.ts";
import { type JobLog, type RepeatedJob, repeat } from "./repeat.ts";
import { ALL_DONE, type LeasedJob, runLeased } from "./run-leased.ts";

/** With the second that an answer may take, two checks that fail end within five seconds of the outage. */
const CHECK_EVERY_MS = 1000;
/** New namespaces are noticed by then; each bucket is asked hourly. */
const WATCH_RESIDENCY_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 60_000;
/** How soon another replica takes the relay of the journal over. */
const NUMBERING_LEASE_MS = 2000;
const NUMBERING_DUE_CHECK_MS = 1000;
/** How soon another replica goes on with operations when the one that runs them has died. */
const OPERATIONS_LEASE_MS = 3000;
const OPERATIONS_DUE_CHECK_MS = 1000;
/** How old an entry gets before it is written, when nobody waits for it. */
const WRITE_JOURNAL_EVERY_MS = 250;
/** How soon a new subscription begins, and one whose holder has died goes on. */
const DELIVER_EVERY_MS = 1000;
/** Partitions are made months ahead; one that is missing is made within a minute, as docs/operating.md#the-journal says. */
const PARTITIONS_EVERY_MS = 30_000;
/** How soon the jobs of a new namespace begin. */
const FOLLOW_NAMESPACES_EVERY_MS = 1000;
/** How often each replica checks whether a job is due that one of them runs. */
const DUE_CHECK_EVERY_MS = 10_000;
/** For so long a replica that dies keeps the others from its job. */
const LEASE_MS = 60_000;
/** Progress that is seen on other replicas is as old as this, and a fraction of it. */
const NOTE_RECEIVED_EVERY_MS = 1000;
/** Request ids are remembered for a day: that is what the API promises. */
const REQUESTS_KEPT = { olderThanMs: 24 * 3_600_000, limit: 10_000 };
/** How long docs/life-of-a-file.md#links promises that links and their recorded uses are kept after the links have expired. */
const LINKS_KEPT = { olderThanMs: 90 * 86_400_000, limit: 1000 };
/** Operations are kept as long as docs/operating.md#operations promises. */
const OPERATIONS_KEPT = { olderThanMs: OPERATION_LIMITS.keptMs, limit: 10_000 };
/** Marks that one run removes. */
const MARKS_FORGOTTEN = { limit: 100_000 };
/** Statements that counted a use of a token before it expired have ended by then. */
const TOKENS_KEPT = { olderThanMs: 10 * 60_000, limit: 10_000 };

/** The parts of the service that the jobs work with. */
export interface JobDeps {
  access: NamespaceJobDeps["access"] & TransferAccess & { sessions: UploadSessions };
  files: NamespaceJobDeps["files"];
  erasures: NamespaceJobDeps["erasures"];
  /** Checks whether the database and storage answer, and reports it; never rejects. */
  check: () => Promise<void>;
  /** Asks buckets where they lie, those that are due; never rejects. */
  watchResidency: () => Promise<void>;
  /** Forgets the answers given longer than `olderThanMs` ago, at most `limit`. */
  forgetRequests: (options: { olderThanMs: number; limit: number }) => Promise<unknown>;
  /** Forgets links that expired longer than `olderThanMs` ago, at most `limit`. */
  forgetLinks: (options: { olderThanMs: number; limit: number }) => Promise<unknown>;
  /** Forgets marks of commits that newer ones stand for, at most `limit`. */
  forgetMarks: (options: { limit: number }) => Promise<unknown>;
  readLags: ReadLags;
  relay: JournalRelay;
  /** How long entries of the journal are kept, in days. */
  journalDays: number;
  /** Undefined where no log is published. */
  auditLog: AuditLogJobs | undefined;
  /** Writes what is due to the journal; rejects when the database does not take it. */
  recorder: { flush(): Promise<void> };
  /** Delivers the events of subscriptions: takes what is due, and ends what is under way. */
  deliveries: { look(): Promise<void>; stop(): Promise<void> };
  operations: OperationsJob;
  leases: JobLeases;
  log: JobLog;
}

/** What the job does with the operations that callers have started. */
export interface OperationsJob {
  /** Runs those whose turn it is, until `signal` aborts or there are none; resolves to what failed for now. */
  run: (options: { signal: AbortSignal }) => Promise<{ errors: unknown[] }>;
  /** Forgets those that ended longer than `olderThanMs` ago, at most `limit`. */
  forget: (options: { olderThanMs: number; limit: number }) => Promise<unknown>;
}

/**
 * Starts the jobs of the clock: those that each replica runs for itself, and those that one replica runs for all. A job
 * that fails is logged, once until it is well again, and runs again.
 */
export function startJobs({ access, files, erasures, check, leases, log, ...deps }: JobDeps): RepeatedJob {
  const toJobs = (namespace: Namespace) => toNamespaceJobs({ access, files, erasures, log }, namespace);
  const tellReceived = () => noteReceived({ sessions: access.sessions, writers: access.uploads.writers });
  const stopping = new AbortController();
  const runIfDue = async (job: LeasedJob, leaseMs = LEASE_MS) => {
    await runLeased(leases, job, { holder: access.instance, leaseMs, signal: stopping.signal });
  };
  const number = toNumbering(deps.relay);
  const told = (job: string) => ({
    onFailure: (error: unknown) => log.warn({ error, job }, "a job failed; it runs again, ever more seldom"),
    onRecovery: (failures: number) => log.info({ job, failures }, "the job runs well again"),
  });
  const random = Math.random;
  const ofNamespaces = new Map<string, RepeatedJob[]>();
  /** Namespaces come and go while the service runs; the jobs of one that is gone have nothing left to do. */
  const followNamespaces = async () => {
    const namespaces = [...access.namespaces.values()];
    for (const namespace of namespaces) {
      if (!ofNamespaces.has(namespace.name)) ofNamespaces.set(namespace.name, toJobs(namespace).map(repeatLeased));
    }
    for (const [name, running] of ofNamespaces) {
      if (access.namespaces.get(name) !== undefined) continue;
      ofNamespaces.delete(name);
      await Promise.all(running.map((job) => job.stop()));
    }
  };
  const repeatLeased = (job: LeasedJob) =>
    repeat(() => runIfDue(job), { everyMs: DUE_CHECK_EVERY_MS, random, ...told(job.name) });
  void followNamespaces();
  const jobs = [
    repeat(check, { everyMs: CHECK_EVERY_MS, random }),
    repeat(deps.watchResidency, { everyMs: WATCH_RESIDENCY_EVERY_MS, random }),
    repeat(async () => access.budget.rebalance(), { everyMs: REBALANCE_EVERY_MS, random }),
    repeat(() => deps.recorder.flush(), { everyMs: WRITE_JOURNAL_EVERY_MS, random, ...told("write-journal") }),
    repeat(() => deps.deliveries.look(), { everyMs: DELIVER_EVERY_MS, random, ...told("deliver-events") }),
    repeat(tellReceived, { everyMs: NOTE_RECEIVED_EVERY_MS, random, ...told("note-received") }),
    repeat(followNamespaces, { everyMs: FOLLOW_NAMESPACES_EVERY_MS, random }),
    repeatLeased(toForgetting({ access, ...deps })),
    repeatLeased(toKeepingPartitions(deps)),
    repeat(() => runIfDue(toRunning(deps.operations), OPERATIONS_LEASE_MS), {
      everyMs: OPERATIONS_DUE_CHECK_MS,
      random,
      ...told("run-operations"),
    }),
    repeatLeased(toLagMeasuring(deps.readLags, { isAudited: deps.auditLog !== undefined })),
    repeat(() => runIfDue(number, NUMBERING_LEASE_MS), {
      everyMs: NUMBERING_DUE_CHECK_MS,
      random,
      ...told(number.name),
    }),
  ];
  if (deps.auditLog !== undefined) jobs.push(...startAuditLogJobs(deps.auditLog, { runIfDue, random, told }));
  return {
    stop: async () => {
      stopping.abort(new Error("the service stops"));
      for (const job of [...jobs, ...[...ofNamespaces.values()].flat()]) await job.stop();
      await deps.deliveries.stop();
    },
  };
}

/** Partitions of the journal, those that will be needed and those that are not needed any more. */
function toKeepingPartitions({
  relay,
  journalDays,
  auditLog,
}: Pick<JobDeps, "relay" | "journalDays" | "auditLog">): LeasedJob {
  return {
    name: "make-partitions",
    everyMs: PARTITIONS_EVERY_MS,
    retryAfterMs: PARTITIONS_EVERY_MS,
    run: async () => {
      await relay.makePartitions();
      await relay.dropPartitions({ keptDays: journalDays, onlyPublished: auditLog !== undefined });
      return ALL_DONE;
    },
  };
}

/** What one replica forgets for all, whatever the namespace. */
function toForgetting({
  access,
  forgetRequests,
  forgetLinks,
  forgetMarks,
  operations,
}: Pick<JobDeps, "access" | "forgetRequests" | "forgetLinks" | "forgetMarks" | "operations">): LeasedJob {
  return {
    name: "forget-requests",
    everyMs: FORGET_EVERY_MS,
    retryAfterMs: FORGET_EVERY_MS,
    run: async () => {
      await forgetRequests(REQUESTS_KEPT);
      await forgetLinks(LINKS_KEPT);
      await access.uploads.catalogue.forgetTokens(TOKENS_KEPT);
      await forgetMarks(MARKS_FORGOTTEN);
      await operations.forget(OPERATIONS_KEPT);
      return ALL_DONE;
    },
  };
}

/** Operations of all namespaces are run by one replica, which so knows how many work at once. */
function toRunning(operations: OperationsJob): LeasedJob {
  return {
    name: "run-operations",
    everyMs: 0,
    retryAfterMs: OPERATIONS_DUE_CHECK_MS,
    run: async ({ signal }) => ({ cursor: "", ...(await operations.run({ signal })) }),
  };
}

/** The relay of the journal. A run is a minute of looks; then its lease is asked for anew. */
function toNumbering(relay: JournalRelay): LeasedJob {
  return {
    name: "number-journal",
    everyMs: 0,
    retryAfterMs: NUMBERING_DUE_CHECK_MS,
    run: async ({ signal }) => {
      await numberEntries(relay, { ...NUMBERING_PACE, signal });
      return ALL_DONE;
    },
  };
}
