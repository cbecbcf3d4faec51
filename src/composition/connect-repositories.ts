import type { ErasureAccess } from "../commands/privacy/run-erasure.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import type { LinkRepository } from "../domain/links/link-repository.ts";
import { createFileRepository } from "../postgres/files/file-repository.ts";
import { createJobLeases } from "../postgres/job-leases.ts";
import type { createCommitMarks } from "../postgres/journal/commit-marks.ts";
import { createJournal } from "../postgres/journal/journal.ts";
import { createJournalRelay } from "../postgres/journal/journal-relay.ts";
import { createPathsById } from "../postgres/paths-by-id.ts";
import type { DatabasePools } from "../postgres/pool/pool.ts";
import { createErasureRepository } from "../postgres/privacy/erasures.ts";
import { createSubjectData } from "../postgres/privacy/subject-data.ts";
import { forgetRequests } from "../postgres/rows/request-rows.ts";
import { createLagReader } from "../postgres/service-lags.ts";
import type { AuditLog } from "./connect-audit-log.ts";

/** Files as queries see them, and as commands do. */
export function createFiles(pools: DatabasePools): { files: FileRepository; primaryFiles: FileRepository } {
  const { commands } = pools;
  const primaryFiles = createFileRepository({ commands, read: (_position, query) => query(commands) });
  return { files: createFileRepository(pools), primaryFiles };
}

/** What is kept about people, and its erasure. */
export function createPrivacy({ commands, queries }: DatabasePools, access: Omit<ErasureAccess, "erasures">) {
  const erasing: ErasureAccess = { ...access, erasures: createErasureRepository(commands) };
  return { subjects: createSubjectData(queries), erasing };
}

/** Where things lie, what was done, and what the service does by the clock. */
export function createReadModels({ commands, queries }: DatabasePools) {
  return { paths: createPathsById(commands), journal: createJournal(queries), leases: createJobLeases(commands) };
}

/** What jobs do with the database alone. */
export function toDatabaseJobs(
  { commands }: DatabasePools,
  {
    links,
    marks,
    auditLog,
    privacy,
    journalDays,
  }: {
    links: Pick<LinkRepository, "forget">;
    marks: ReturnType<typeof createCommitMarks>;
    auditLog: AuditLog | undefined;
    privacy: ReturnType<typeof createPrivacy>;
    journalDays: number;
  },
) {
  return {
    journalDays,
    auditLog: auditLog?.jobs,
    erasures: privacy.erasing.erasures,
    leases: createJobLeases(commands),
    readLags: createLagReader(commands),
    relay: createJournalRelay(commands),
    forgetRequests: (options: ForgetOptions) => forgetRequests(commands, options),
    forgetLinks: (options: ForgetOptions) => links.forget(options),
    forgetMarks: (options: Pick<ForgetOptions, "limit">) => marks.forget(options),
  };
}

type ForgetOptions = Parameters<LinkRepository["forget"]>[0];
