import type { Logger } from "pino";
import { Authority } from "../auth/authority.ts";
import { COPY_LIMITS } from "../commands/files/copy-file.ts";
import { AUDIT_EXPORT_LIMITS, createAuditExportWorker } from "../commands/operations/audit-export-worker.ts";
import { createCopyWorker } from "../commands/operations/copy-worker.ts";
import { createPurgeWorker } from "../commands/operations/purge-worker.ts";
import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { OPERATION_LIMITS } from "../domain/jobs/operation.ts";
import type { OperationRepository } from "../domain/jobs/operation-repository.ts";
import { OPERATIONS_PACE, runOperations } from "../jobs/run-operations.ts";
import type { OperationsJob } from "../jobs/start-jobs.ts";
import { createEventLog } from "../postgres/journal/event-log.ts";
import { createJournal } from "../postgres/journal/journal.ts";
import { createOperationRepository } from "../postgres/operations.ts";
import { createPathsById } from "../postgres/paths-by-id.ts";
import type { DatabasePools } from "../postgres/pool/pool.ts";
import type { NamespaceDirectory } from "../queries/namespace-directory.ts";
import { withinScope } from "../queries/within-scope.ts";
import { createAdmission } from "../rpc/authorize.ts";
import { toExportLine } from "../rpc/messages/audit-message.ts";

/** Parts of a copy that one step copies, 8 GiB of them: its progress is saved, and its cancelling heard of, by then. */
const COPY_STEP_PARTS = 16;

/** Work that goes on after its call, as the API starts it and as the job does it. */
export interface ConnectedOperations {
  operations: OperationRepository;
  job: OperationsJob;
}

/** Connects operations to the database, and to what does their work. */
export function connectOperations({
  pools: { commands, queries },
  access,
  primaryFiles: files,
  directory,
  storageNow,
  log,
}: {
  pools: DatabasePools;
  access: UploadAccess;
  /** As commands see them, from the primary. */
  primaryFiles: FileRepository;
  directory: NamespaceDirectory;
  storageNow: () => Date;
  log: Logger;
}): ConnectedOperations {
  const operations = createOperationRepository(commands);
  // Whoever SLUICE_ADMINS names has no right to files by that, so it is not asked for here.
  const admit = createAdmission(new Authority(directory, { admins: [] }), createPathsById(commands));
  const exporting = { journal: createJournal(queries), log: createEventLog(commands), toLine: toExportLine };
  const workers = {
    purge: createPurgeWorker({ ...access, files, listsOf: (scope) => withinScope(files, scope), admit }),
    copy: createCopyWorker({ ...access, files, admit }, { ...COPY_LIMITS, partsPerStepMax: COPY_STEP_PARTS }),
    auditExport: createAuditExportWorker({ ...access, ...exporting, admit, now: storageNow }, AUDIT_EXPORT_LIMITS),
  };
  return {
    operations,
    job: {
      run: ({ signal }) =>
        runOperations({ operations, workers, log }, { limits: OPERATION_LIMITS, pace: OPERATIONS_PACE, signal }),
      forget: (options) => operations.forget(options),
    },
  };
}
