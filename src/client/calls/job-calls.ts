import { type Job, JobService, type Operation } from "../../../gen/sluice/v1/job_service_pb.ts";
import { allPages, type Call, type CallOptions, present } from "./call.ts";

/** Which files a purge is about, beside its filter. */
export interface StartPurgeOptions extends CallOptions {
  /** Live files that match as well; they are deleted first. */
  includeLive?: boolean;
  /** Superseded generations that match as well. */
  includeSuperseded?: boolean;
  /** The same one again returns the same operation. */
  requestId?: string;
}

/** Which generation is copied, and what must be at the target. */
export interface StartCopyOptions extends CallOptions {
  generation?: bigint;
  etag?: string;
  ifTargetGenerationMatch?: bigint;
  /** The same one again returns the same operation. */
  requestId?: string;
}

/** Which entries of the audit log are exported. */
export interface StartAuditExportOptions extends CallOptions {
  /** An AIP-160 filter; all entries without one. */
  filter?: string;
  /** Only entries with a higher number. */
  afterSequence?: bigint;
  /** The same one again returns the same operation. */
  requestId?: string;
}

/**
 * The methods for what the service does by itself, and for operations, which go on after the call that has started them. They
 * reject as all unary calls do. An operation that has failed or was cancelled is no rejection: its `result` says so.
 */
export interface JobCalls {
  /** The jobs that the service runs by the clock, by name, page by page. It needs an entry in SLUICE_ADMINS. */
  allJobs(options?: Pick<CallOptions, "signal">): AsyncGenerator<Job, void, undefined>;
  /** Starts the purge of all deleted files that match an AIP-160 filter. */
  startPurge(filter: string, options?: StartPurgeOptions): Promise<Operation>;
  /** Starts the copy of a file within storage, however long that takes. */
  startCopy(path: string, targetPath: string, options?: StartCopyOptions): Promise<Operation>;
  /** Starts the export of entries of the audit log into an object in the bucket of the namespace. */
  startAuditExport(options?: StartAuditExportOptions): Promise<Operation>;
  /** All operations that the caller may see, the newest first, page by page. */
  allOperations(options?: CallOptions): AsyncGenerator<Operation, void, undefined>;
  getOperation(operationId: string, options?: CallOptions): Promise<Operation>;
  /** Waits until an operation has ended, however long that takes. `onProgress` hears of it every 30 s or less. */
  waitOperation(
    operationId: string,
    options?: CallOptions & { onProgress?: (operation: Operation) => void },
  ): Promise<Operation>;
  /** Asks for the end of an operation, which comes within seconds. */
  cancelOperation(operationId: string, options?: CallOptions): Promise<Operation>;
}

/** The methods for what the service does by itself, over the calls of a client. */
export function createJobCalls(call: Call): JobCalls {
  return {
    allJobs: ({ signal } = {}) =>
      allPages(
        (pageToken) => call(JobService.method.listJobs, { pageSize: 1000, pageToken }, { signal }),
        ({ jobs }) => jobs,
      ),
    async startPurge(filter, { signal, namespace = "default", requestId = crypto.randomUUID(), ...which } = {}) {
      const request = { requestId, namespace, filter, ...which };
      const { operation } = await call(JobService.method.startPurge, request, { signal });
      return present(operation, "operation");
    },
    async startCopy(
      path,
      targetPath,
      { signal, namespace = "default", requestId = crypto.randomUUID(), ...rest } = {},
    ) {
      const request = { requestId, namespace, path, targetPath, ...rest };
      const { operation } = await call(JobService.method.startCopy, request, { signal });
      return present(operation, "operation");
    },
    async startAuditExport({ signal, namespace = "default", requestId = crypto.randomUUID(), ...which } = {}) {
      const request = { requestId, namespace, ...which };
      const { operation } = await call(JobService.method.startAuditExport, request, { signal });
      return present(operation, "operation");
    },
    allOperations: ({ signal, namespace = "default" } = {}) =>
      allPages(
        (pageToken) => {
          const request = { namespace, pageSize: 1000, pageToken };
          return call(JobService.method.listOperations, request, { signal });
        },
        ({ operations }) => operations,
      ),
    async getOperation(operationId, { signal, namespace = "default" } = {}) {
      const request = { namespace, operationId };
      const { operation } = await call(JobService.method.getOperation, request, { signal });
      return present(operation, "operation");
    },
    async waitOperation(operationId, { signal, namespace = "default", onProgress } = {}) {
      const request = { namespace, operationId };
      for (;;) {
        const answer = await call(JobService.method.waitOperation, request, { signal });
        const operation = present(answer.operation, "operation");
        if (operation.done) return operation;
        onProgress?.(operation);
      }
    },
    async cancelOperation(operationId, { signal, namespace = "default" } = {}) {
      const request = { namespace, operationId };
      const { operation } = await call(JobService.method.cancelOperation, request, { signal });
      return present(operation, "operation");
    },
  };
}
