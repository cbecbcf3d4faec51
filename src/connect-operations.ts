import type { Logger } from "pino";
import { Authority } from "./auth/authority.ts";
import { COPY_LIMITS } from "./commands/files/copy-file.ts";
import { createCopyWorker } from "./commands/operations/copy-worker.ts";
import { createPurgeWorker } from "./commands/operations/purge-worker.ts";
import type { UploadAccess } from "./commands/uploads/upload-access.ts";
import type { FileRepository } from "./domain/files/file-repository.ts";
import { OPERATION_LIMITS } from "./domain/jobs/operation.ts";
import type { OperationRepository } from "./domain/jobs/operation-repository.ts";
import { OPERATIONS_PACE, runOperations } from "./jobs/run-operations.ts";
import type { OperationsJob } from "./jobs/start-jobs.ts";
import { createOperationRepository } from "./postgres/operations.ts";
import { createPathsById } from "./postgres/paths-by-id.ts";
import type { DatabasePools } from "./postgres/pool/pool.ts";
import type { NamespaceDirectory } from "./queries/namespace-directory.ts";
import { withinScope } from "./queries/within-scope.ts";
import { createAdmission } from "./rpc/authorize.ts";

/** Parts of a copy that one step copies, 8 GiB of them: its progress is saved, and its cancelling heard of, by then. */
const COPY_STEP_PARTS = 16;

/** Work that goes on after its call, as the API starts it and as the job does it. */
export interface ConnectedOperations {
  operations: OperationRepository;
  job: OperationsJob;
}

/** Connects operations to the database, and to what does their work. */
export function connectOperations({
  pools: { commands },
  access,
  files,
  directory,
  log,
}: {
  pools: DatabasePools;
  access: UploadAccess;
  /** As commands see them, from the primary. */
  files: FileRepository;
  directory: NamespaceDirectory;
  log: Logger;
}): ConnectedOperations {
  const operations = createOperationRepository(commands);
  // Whoever SLUICE_ADMINS names has no right to files by that, so it is not asked for here.
  const admit = createAdmission(new Authority(directory, { admins: [] }), createPathsById(commands));
  const workers = {
    purge: createPurgeWorker({ ...access, files, listsOf: (scope) => withinScope(files, scope), admit }),
    copy: createCopyWorker({ ...access, files, admit }, { ...COPY_LIMITS, partsPerStepMax: COPY_STEP_PARTS }),
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
