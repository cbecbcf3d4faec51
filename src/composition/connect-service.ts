import { hostname } from "node:os";
import type { Logger } from "pino";
import { COPY_LIMITS, createFileCopier, type FileCopier } from "../commands/files/copy-file.ts";
import type { ErasureAccess } from "../commands/privacy/run-erasure.ts";
import { UnfinishedUploads } from "../commands/uploads/unfinished-uploads.ts";
import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import type { Config } from "../config/config.ts";
import type { DomainError } from "../domain/errors.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import type { JobLeases } from "../domain/jobs/job-leases.ts";
import type { OperationRepository } from "../domain/jobs/operation-repository.ts";
import type { EventLog } from "../domain/journal/event-log.ts";
import type { Journal } from "../domain/journal/journal.ts";
import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { NamespaceRepository } from "../domain/namespaces/namespace-repository.ts";
import type { ObjectStore } from "../domain/object-store.ts";
import type { SubjectData } from "../domain/privacy/subject-data.ts";
import { BucketRegions } from "../domain/residency.ts";
import type { Siblings } from "../domain/siblings.ts";
import { startJobs } from "../jobs/start-jobs.ts";
import { EntryQueue } from "../journal/entry-queue.ts";
import { JournalRecorder } from "../journal/journal-recorder.ts";
import { createCommitMarks } from "../postgres/journal/commit-marks.ts";
import { createEventLog } from "../postgres/journal/event-log.ts";
import { createJournalWriter } from "../postgres/journal/journal-writer.ts";
import { createLinkRepository } from "../postgres/links/link-repository.ts";
import type { createPathsById } from "../postgres/paths-by-id.ts";
import type { DatabasePools } from "../postgres/pool/pool.ts";
import { watchWrites } from "../postgres/pool/watch-writes.ts";
import { createUnfinishedCount } from "../postgres/uploads/count-unfinished.ts";
import { createUploadRepositories } from "../postgres/uploads/upload-repositories.ts";
import { CommitPositions } from "../queries/commit-positions.ts";
import { EventFeed, FEED_LIMITS } from "../queries/events/event-feed.ts";
import type { NamespaceDirectory } from "../queries/namespace-directory.ts";
import { UploadWatches, WATCH_LIMITS } from "../queries/upload-watches.ts";
import type { Readiness } from "../rpc/services/readiness.ts";
import { createS3Access } from "../s3/create-access.ts";
import { createObjectStore } from "../s3/object-store.ts";
import { type Labels, observeMetric } from "../telemetry/metrics.ts";
import type { MemoryBudget } from "../transfer/memory-budget.ts";
import { UploadSessions } from "../transfer/upload-sessions.ts";
import type { SlotPool } from "../transfer/upload-slots.ts";
import type { WriteAccess } from "../transfer/write-upload.ts";
import { type AuditLog, connectAuditLog, toAuditRegion } from "./connect-audit-log.ts";
import { connectDatabase } from "./connect-database.ts";
import { type ConnectedDeliveries, connectDeliveries } from "./connect-deliveries.ts";
import { createCheck, createStorageWatcher, createWatch } from "./connect-health.ts";
import { connectOperations } from "./connect-operations.ts";
import { createFiles, createPrivacy, createReadModels, toDatabaseJobs } from "./connect-repositories.ts";

/** Everything that works once the database has answered. `downloads` are the objects as callers may read them. */
export interface ConnectedService {
  access: UploadAccess & WriteAccess;
  /** All namespaces and grants, in memory. */
  directory: NamespaceDirectory;
  namespaces: NamespaceRepository;
  /** Where uploads and links lie. */
  paths: ReturnType<typeof createPathsById>;
  downloads: ReturnType<typeof createObjectStore>;
  /** The time by the clock of storage, which decides when URLs end. */
  storageNow: () => Date;
  /** Files as queries see them: maybe from a replica, no older than the state that the caller has seen. */
  files: FileRepository;
  /** Files as commands see them, from the primary. */
  primaryFiles: FileRepository;
  copyFile: FileCopier;
  positions: CommitPositions;
  /** Records what changes nothing. */
  recorder: JournalRecorder;
  links: ReturnType<typeof createLinkRepository>;
  /** What was done; from the primary, because an auditor wants the last of it. */
  journal: Journal;
  /** Undefined where none is published. */
  auditLog: AuditLog | undefined;
  watches: UploadWatches;
  events: { log: EventLog; feed: EventFeed };
  /** What subscriptions work with, beside the namespaces. */
  subscriptions: ConnectedDeliveries["access"];
  /** What is kept about people; from the primary, because they are to have all of it. */
  subjects: SubjectData;
  erasing: ErasureAccess;
  /** Who runs which job. */
  leases: JobLeases;
  operations: OperationRepository;
  close(): Promise<void>;
}

/** Connects to the database, however long that takes, and to storage. Then it starts the jobs that run by the clock. */
export async function connectService(
  config: Config,
  options: {
    log: Logger;
    readiness: Readiness;
    budget: MemoryBudget;
    slots: SlotPool;
    siblings: Siblings | undefined;
    /** Where callers reach the service. */
    publicUrl: string;
    signal: AbortSignal;
  },
): Promise<ConnectedService> {
  const { log, readiness } = options;
  const { pools, namespaces, directory } = await connectDatabase(config, options);
  const regions = new BucketRegions();
  const storage = openStorage(config, { ...options, regions, directory });
  const [objects, downloads] = [createObjectStore(storage.at), createObjectStore(storage.readAt)];
  const marks = createCommitMarks(pools.commands);
  const isTellingAwaited = config.database.replica !== undefined;
  const positions = new CommitPositions(marks, { siblings: options.siblings, isTellingAwaited });
  const access = createAccess(config, { ...options, pools, objects, namespaces: directory, regions });
  const check = createCheck({ pools, objects, clock: storage.connections.clock }, { namespaces: directory, readiness });
  const watchResidency = createWatch({ objects, namespaces: directory, regions }, { log, readiness });
  // Nobody waits for them: a bucket that does not answer must not keep the API from answering. The check comes second, so that a
  // replica is ready only once it knows which namespaces it must not write.
  const checked = watchResidency().then(check);
  const files = createFiles(pools);
  const [links, recorder] = [createLinkRepository(pools), createRecorder(pools, log)];
  const privacy = createPrivacy(pools, { ...access, files: files.primaryFiles });
  const storageNow = () => storage.connections.clock.now();
  const { operations, job } = connectOperations({ ...options, ...files, pools, access, directory, storageNow });
  const auditLog = connectAuditLog(config, { pools, storage, readiness });
  const deliveries = connectDeliveries(config, { ...options, pools, namespaces: directory, instance: access.instance });
  const jobs = startJobs({
    recorder,
    deliveries,
    access,
    files: files.primaryFiles,
    check,
    watchResidency,
    operations: job,
    log,
    ...toDatabaseJobs(pools, { links, marks, auditLog, privacy, journalDays: config.journalDays }),
  });
  return {
    ...{ access, directory, namespaces, downloads, storageNow },
    ...files,
    positions,
    recorder,
    copyFile: createFileCopier({ ...access, files: files.primaryFiles }, COPY_LIMITS),
    links,
    ...createReadModels(pools),
    events: createEvents(pools, config),
    subscriptions: deliveries.access,
    auditLog,
    operations,
    ...privacy,
    watches: createWatches(config, access),
    close: async () => {
      // A job's requests to S3 end with the connections. Another replica, or the next start, does the job's work again.
      storage.close();
      directory.stop();
      await jobs.stop();
      await drain(recorder, log);
      await checked;
      await pools.end();
    },
  };
}

/** Writes the last entries. Nobody calls any more; what the database does not take now is lost. */
async function drain(recorder: JournalRecorder, log: Logger): Promise<void> {
  await recorder.drain().catch((error) => log.error({ error }, "the last entries of the journal are lost"));
}

function createWatches({ databaseBackoff: backoff }: Config, { uploads }: ConnectedService["access"]): UploadWatches {
  return new UploadWatches({ catalogue: uploads.catalogue, backoff, limits: WATCH_LIMITS });
}

/** Records what changes nothing. */
function createRecorder({ journal }: DatabasePools, log: Logger): JournalRecorder {
  const onLost = (error: unknown) => log.error({ error }, "an entry of the journal could not be written, and is lost");
  const queue = new EntryQueue(createJournalWriter(journal), { onLost });
  observeMetric("sluice.journal.waiting", () => [[queue.size, {}]]);
  return new JournalRecorder(queue);
}

/** The events, as this process reads and follows them. */
function createEvents({ commands }: DatabasePools, { databaseBackoff }: Config): ConnectedService["events"] {
  const log = createEventLog(commands);
  return { log, feed: new EventFeed({ log, backoff: databaseBackoff, limits: FEED_LIMITS }) };
}

/** Opens the access to all buckets. */
function openStorage(
  config: Config,
  options: {
    log: Logger;
    readiness: Readiness;
    signal: AbortSignal;
    regions: BucketRegions;
    directory: NamespaceDirectory;
  },
) {
  const { log, readiness, signal, regions, directory } = options;
  const open = new Map<string, Labels<"sluice.s3.breakers.open">>();
  observeMetric("sluice.s3.breakers.open", () => [...open.values()].map((labels) => [1, labels] as const));
  return createS3Access(config, {
    watcher: createStorageWatcher(log, readiness),
    closing: signal,
    // A bucket that lies elsewhere than its namespace says is read and emptied there; the commands keep it from being written.
    regionOf: (bucket) => regions.of(bucket)?.region ?? directory.regionOf(bucket) ?? toAuditRegion(config, bucket),
    onBreaker: (at, isOpen) => {
      log.warn({ ...at, isOpen }, "a breaker of a bucket changed");
      const { operation, bucket } = at;
      if (isOpen) open.set(`${operation} ${bucket}`, { "aws.s3.bucket": bucket, "sluice.operation": operation });
      else open.delete(`${operation} ${bucket}`);
    },
  });
}

/** What the commands on uploads work with; readiness hears when the database has no room for what they write. */
function createAccess(
  config: Config,
  options: {
    pools: DatabasePools;
    objects: ObjectStore;
    namespaces: Namespaces;
    regions: BucketRegions;
    budget: MemoryBudget;
    slots: SlotPool;
    readiness: Readiness;
  },
): ConnectedService["access"] {
  const { pools, objects, namespaces, regions, budget, slots, readiness } = options;
  const { commands } = pools;
  const uploads = createUploadRepositories(commands);
  const onWrite = (problem: DomainError | undefined) => readiness.degrade("database-writes", problem?.message);
  return {
    // Every upload writes by these: its creation, and each of its parts.
    uploads: {
      ...uploads,
      catalogue: watchWrites(uploads.catalogue, ["create"], onWrite),
      writers: watchWrites(uploads.writers, ["recordParts"], onWrite),
    },
    objects,
    budget,
    unfinished: new UnfinishedUploads(createUnfinishedCount(commands), { uploadsMax: config.uploads.unfinishedMax }),
    namespaces,
    regions,
    limits: config.uploads,
    databaseBackoff: config.databaseBackoff,
    instance: `${hostname()}/${process.pid}`,
    sessions: new UploadSessions(slots, { silenceMaxMs: config.uploads.slotSilenceMaxMs }),
  };
}
