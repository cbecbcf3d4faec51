import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  CancelOperationResponseSchema,
  GetOperationResponseSchema,
  JobOutcome,
  JobSchema,
  type JobService,
  ListJobsResponseSchema,
  ListOperationsResponseSchema,
  StartAuditExportResponseSchema,
  StartCopyResponseSchema,
  StartPurgeResponseSchema,
  WaitOperationResponseSchema,
  type Job as WireJob,
} from "../../../gen/sluice/v1/job_service_pb.ts";
import type { CopyFileRequest } from "../../commands/files/copy-file.ts";
import type { StartPurgeRequest } from "../../commands/operations/start-operation.ts";
import type { JobRun, JobState } from "../../domain/jobs/job-leases.ts";
import { JOBS, type JobKind, parseJobName } from "../../domain/jobs/known-jobs.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import type { ExportAuditRequest } from "../../queries/audit/export-audit.ts";
import type { PageRequest } from "../../queries/file-page.ts";
import type { OperationName } from "../../queries/operations/find-operation.ts";
import type { ShownOperation } from "../../queries/operations/show-operation.ts";
import { type CallOptions, toCallOptions } from "../calls/caller-context.ts";
import { fromCopyMessage } from "../messages/copy-message.ts";
import { fromDuration } from "../messages/duration.ts";
import { fromInt64 } from "../messages/int64.ts";
import { toOperationMessage } from "../messages/operation-message.ts";

/** The functions that JobService calls. */
export interface JobFunctions {
  startPurge(request: StartPurgeRequest, options: CallOptions): Promise<Operation>;
  startCopy(request: CopyFileRequest, options: CallOptions): Promise<Operation>;
  startAuditExport(request: ExportAuditRequest & { requestId: string }, options: CallOptions): Promise<Operation>;
  getOperation(request: OperationName, options: CallOptions): Promise<ShownOperation>;
  listOperations(
    request: PageRequest & { namespace: string },
    options: CallOptions,
  ): Promise<{ operations: Operation[]; nextPageToken: string }>;
  waitOperation(
    request: OperationName & { timeoutMs: number | undefined },
    options: CallOptions,
  ): Promise<ShownOperation>;
  cancelOperation(request: OperationName, options: CallOptions): Promise<Operation>;
  listJobs(request: PageRequest, options: CallOptions): Promise<{ jobs: JobState[]; nextPageToken: string }>;
}

/** JobService for Connect: protobuf in, protobuf out. */
export function createJobService(functions: JobFunctions): ServiceImpl<typeof JobService> {
  return {
    listJobs: async ({ pageSize, pageToken }, context) => {
      const { jobs, nextPageToken } = await functions.listJobs({ pageSize, pageToken }, toCallOptions(context));
      return create(ListJobsResponseSchema, { jobs: jobs.map(toJobMessage), nextPageToken });
    },
    startPurge: async ({ requestId, namespace, filter, includeLive, includeSuperseded }, context) => {
      const request = { requestId, namespace, filter, includeLive, includeSuperseded };
      const operation = await functions.startPurge(request, toCallOptions(context));
      return create(StartPurgeResponseSchema, { operation: toOperationMessage(operation) });
    },
    startCopy: async (request, context) => {
      const operation = await functions.startCopy(fromCopyMessage(request), toCallOptions(context));
      return create(StartCopyResponseSchema, { operation: toOperationMessage(operation) });
    },
    startAuditExport: async ({ requestId, namespace, filter, afterSequence: after }, context) => {
      const request = { requestId, namespace, filter, afterSequence: fromInt64(after, "after_sequence") };
      const operation = await functions.startAuditExport(request, toCallOptions(context));
      return create(StartAuditExportResponseSchema, { operation: toOperationMessage(operation) });
    },
    getOperation: async ({ namespace, operationId }, context) => {
      const operation = await functions.getOperation({ namespace, operationId }, toCallOptions(context));
      return create(GetOperationResponseSchema, { operation: toOperationMessage(operation) });
    },
    listOperations: async ({ namespace, pageSize, pageToken }, context) => {
      const page = await functions.listOperations({ namespace, pageSize, pageToken }, toCallOptions(context));
      const { operations, nextPageToken } = page;
      return create(ListOperationsResponseSchema, { operations: operations.map(toOperationMessage), nextPageToken });
    },
    waitOperation: async ({ namespace, operationId, timeout }, context) => {
      const timeoutMs = timeout && fromDuration(timeout, "timeout");
      const request = { namespace, operationId, timeoutMs };
      const operation = await functions.waitOperation(request, toCallOptions(context));
      return create(WaitOperationResponseSchema, { operation: toOperationMessage(operation) });
    },
    cancelOperation: async ({ namespace, operationId }, context) => {
      const operation = await functions.cancelOperation({ namespace, operationId }, toCallOptions(context));
      return create(CancelOperationResponseSchema, { operation: toOperationMessage(operation) });
    },
  };
}

const OUTCOMES = {
  done: JobOutcome.SUCCEEDED,
  incomplete: JobOutcome.INCOMPLETE,
  failed: JobOutcome.FAILED,
} as const satisfies Record<JobRun["outcome"], JobOutcome>;

function toJobMessage({ name, holder, runningSince, untilTime, lastRun }: JobState): WireJob {
  const { kind, namespace } = parseJobName(name);
  return create(JobSchema, {
    name,
    description: Object.hasOwn(JOBS, kind) ? JOBS[kind as JobKind] : "",
    namespace,
    replica: holder,
    ...(runningSince === undefined
      ? { nextRunTime: timestampFromDate(untilTime) }
      : { runningSince: timestampFromDate(runningSince) }),
    ...(lastRun !== undefined && {
      lastRun: {
        startTime: timestampFromDate(lastRun.beginTime),
        duration: durationFromMs(lastRun.endTime.getTime() - lastRun.beginTime.getTime()),
        outcome: OUTCOMES[lastRun.outcome],
        error: lastRun.problem,
      },
    }),
  });
}
