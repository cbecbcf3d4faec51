import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import type { Namespace } from "../domain/namespaces/namespace.ts";
import type { ErasureRepository } from "../domain/privacy/erasure.ts";
import { continueErasures, reapplyErasures } from "./erase-subjects.ts";
import { purgeDueFiles } from "./purge-due-files.ts";
import type { JobLog } from "./repeat.ts";
import { ALL_DONE, type LeasedJob } from "./run-leased.ts";
import { settleHolds } from "./settle-holds.ts";
import { sweepOrphans } from "./sweep-orphans.ts";
import { sweepUploads } from "./sweep-uploads.ts";

const SWEEP_EVERY_MS = 60_000;
const PURGE_EVERY_MS = 60_000;
const PURGE_LIMITS = { batchMax: 100, batchesMax: 100, deletionsInFlightMax: 10 };
const CONTINUE_ERASURES_EVERY_MS = 60_000;
/** Each look lists the notes of a namespace's erasures, a thousand by one request. */
const REAPPLY_ERASURES_EVERY_MS = 10 * 60_000;
const SETTLE_HOLDS_EVERY_MS = 60_000;
/** Holds that one run tells storage, one after the other. */
const HOLDS_MAX = 100;
/** A thousand of each kind a minute; the next run goes on behind them. */
const SWEEP_LIMITS = { batchMax: 100, batchesMax: 10, stuckAfterMs: 120_000 };
const SWEEP_ORPHANS_EVERY_MS = 6 * 3_600_000;
/** The wait after a run that stopped before it had seen everything, and after one that failed. */
const SWEEP_ORPHANS_ON_MS = 60_000;
/** A day: far beyond every request's life and every clock's error. 100 pages are 100,000 objects, or some tens of seconds. */
const ORPHAN_LIMITS = { olderThanMs: 24 * 3_600_000, pagesMax: 100, pageMax: 1000 };

/** The parts of the service that the jobs of a namespace work with. */
export interface NamespaceJobDeps {
  access: UploadAccess;
  files: FileRepository;
  erasures: ErasureRepository;
  log: JobLog;
}

/**
 * What one replica does for all that serve a namespace. Each job is leased by the namespace's name: services with other
 * namespaces may share the database, and sweep their own beside.
 */
export function toNamespaceJobs({ access, files, erasures, log }: NamespaceJobDeps, namespace: Namespace): LeasedJob[] {
  const { name } = namespace;
  const sweep: LeasedJob = {
    name: `sweep-uploads/${name}`,
    everyMs: SWEEP_EVERY_MS,
    retryAfterMs: SWEEP_EVERY_MS,
    run: async (options) => {
      const { errors, cursor, ...counts } = await sweepUploads(access, {
        ...options,
        namespace: name,
        limits: SWEEP_LIMITS,
      });
      for (const error of errors) log.warn({ error }, "a step of the sweep failed; a later sweep tries again");
      if (Object.values(counts).some((count) => count > 0)) log.info(counts, "swept uploads");
      return { cursor, errors };
    },
  };
  const removeOrphans: LeasedJob = {
    name: `sweep-orphans/${name}`,
    everyMs: SWEEP_ORPHANS_EVERY_MS,
    retryAfterMs: SWEEP_ORPHANS_ON_MS,
    run: async (options) => {
      const { errors, cursor, ...found } = await sweepOrphans(access, {
        ...{ namespace, limits: ORPHAN_LIMITS, now: new Date() },
        ...options,
      });
      for (const error of errors) log.warn({ error }, "an orphan could not be removed; a later sweep tries again");
      if (found.multipartsAborted + found.versionsDeleted > 0) log.info(found, "swept orphans");
      if (found.foreignMultiparts + found.foreignVersions > 0) {
        log.warn(found, "storage has what no upload or file of ours knows under our key prefix; it is left alone");
      }
      return { cursor, errors };
    },
  };
  const purge: LeasedJob = {
    name: `purge-files/${name}`,
    everyMs: PURGE_EVERY_MS,
    retryAfterMs: PURGE_EVERY_MS,
    run: async (options) => {
      const { purged, errors, cursor } = await purgeDueFiles(
        { ...access, files },
        { ...options, namespace: name, limits: PURGE_LIMITS },
      );
      for (const error of errors) log.warn({ error }, "bytes could not be removed; a later run tries again");
      if (purged > 0) log.info({ purged }, "purged files");
      return { cursor, errors };
    },
  };
  const settle: LeasedJob = {
    name: `settle-holds/${name}`,
    everyMs: SETTLE_HOLDS_EVERY_MS,
    retryAfterMs: SETTLE_HOLDS_EVERY_MS,
    run: async ({ cursor: after }) => {
      const { settled, errors, cursor } = await settleHolds(
        { ...access, files },
        { namespace: name, cursor: after, limit: HOLDS_MAX },
      );
      for (const error of errors) log.warn({ error }, "storage could not be told a hold; a later run tries again");
      if (settled > 0) log.info({ settled }, "told storage the holds that it lacked");
      return { cursor, errors };
    },
  };
  return [sweep, removeOrphans, purge, settle, ...toErasureJobs({ access, files, erasures, log }, namespace)];
}

/** Goes on with erasures that were cut off, and does those again that a restored database does not know. */
function toErasureJobs({ access, files, erasures, log }: NamespaceJobDeps, namespace: Namespace): LeasedJob[] {
  const erasing = { ...access, files, erasures };
  const go: LeasedJob = {
    name: `continue-erasures/${namespace.name}`,
    everyMs: CONTINUE_ERASURES_EVERY_MS,
    retryAfterMs: CONTINUE_ERASURES_EVERY_MS,
    run: async ({ signal }) => {
      const ended = await continueErasures(erasing, { namespace, signal });
      if (ended > 0) log.info({ ended }, "ended erasures that were cut off");
      return ALL_DONE;
    },
  };
  const again: LeasedJob = {
    name: `reapply-erasures/${namespace.name}`,
    everyMs: REAPPLY_ERASURES_EVERY_MS,
    retryAfterMs: CONTINUE_ERASURES_EVERY_MS,
    run: async ({ signal }) => {
      const reapplied = await reapplyErasures(erasing, { namespace, signal });
      if (reapplied > 0)
        log.warn({ reapplied }, "storage has notes of erasures that the database did not know; they were done again");
      return ALL_DONE;
    },
  };
  return [go, again];
}
