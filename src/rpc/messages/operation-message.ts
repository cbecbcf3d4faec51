import { create } from "@bufbuild/protobuf";
import { timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ExportProgressSchema } from "../../../gen/sluice/v1/audit_service_pb.ts";
import {
  type AuditExport,
  AuditExportSchema,
  CopiedFileSchema,
  CopyProgressSchema,
  type OperationMetadata,
  OperationMetadataSchema,
  type OperationResponse,
  OperationSchema,
  type PurgeCounts,
  PurgeCountsSchema,
  type Operation as WireOperation,
} from "../../../gen/sluice/v1/job_service_pb.ts";
import type {
  ExportedObject,
  Operation,
  OperationError,
  OperationKind,
  OperationProgresses,
} from "../../domain/jobs/operation.ts";
import type { ShownOperation, SignedDownload } from "../../queries/operations/show-operation.ts";
import { ERROR_STATUS } from "../calls/errors.ts";

/** The method that starts operations of a kind. */
const METHODS = { purge: "StartPurge", copy: "StartCopy", auditExport: "StartAuditExport" } as const satisfies Record<
  OperationKind,
  string
>;

/** google.rpc.Code.CANCELLED */
const CANCELLED = 1;

/** An operation on the wire. */
export function toOperationMessage(operation: ShownOperation): WireOperation {
  const { operationId, namespace, endTime, error } = operation;
  return create(OperationSchema, {
    name: `namespaces/${namespace}/operations/${operationId}`,
    metadata: toMetadata(operation),
    done: endTime !== undefined,
    ...(error !== undefined && { result: { case: "error", value: toErrorFields(error) } }),
    ...(operation.response !== undefined && {
      result: { case: "response", value: { response: toResponse(operation) } },
    }),
  });
}

function toMetadata(operation: Operation) {
  const { operationId, namespace, kind, caller, createTime, beginTime, cancelTime, endTime } = operation;
  return create(OperationMetadataSchema, {
    operationId,
    namespace,
    method: METHODS[kind],
    principal: caller.principal,
    createTime: timestampFromDate(createTime),
    ...(beginTime !== undefined && { beginTime: timestampFromDate(beginTime) }),
    ...(cancelTime !== undefined && { cancelTime: timestampFromDate(cancelTime) }),
    ...(endTime !== undefined && { endTime: timestampFromDate(endTime) }),
    progress: toProgress(operation),
  });
}

function toProgress({ kind, progress }: Operation): OperationMetadata["progress"] {
  switch (kind) {
    case "purge":
      return { case: kind, value: toPurgeCounts(progress) };
    case "copy": {
      const [copiedBytes, sizeBytes] = [BigInt(progress.copiedBytes), BigInt(progress.sizeBytes)];
      return { case: kind, value: create(CopyProgressSchema, { copiedBytes, sizeBytes }) };
    }
    case "auditExport": {
      const [sequence, count] = [BigInt(progress.sequence), BigInt(progress.count)];
      return { case: kind, value: create(ExportProgressSchema, { sequence, count }) };
    }
  }
}

function toResponse({ kind, response, download }: ShownOperation): OperationResponse["response"] {
  if (response === undefined) return { case: undefined };
  switch (kind) {
    case "purge":
      return { case: kind, value: toPurgeCounts(response) };
    case "copy": {
      const { fileId, path, generation } = response;
      return { case: kind, value: create(CopiedFileSchema, { fileId, path, generation: BigInt(generation) }) };
    }
    case "auditExport":
      return { case: kind, value: toAuditExport(response, download) };
  }
}

function toAuditExport(exported: ExportedObject, download: SignedDownload | undefined): AuditExport {
  const { bucket, key, sizeBytes, count, lastSequence, expireTimeMs } = exported;
  return create(AuditExportSchema, {
    bucket,
    key,
    sizeBytes: BigInt(sizeBytes),
    count: BigInt(count),
    lastSequence: BigInt(lastSequence),
    expireTime: timestampFromMs(expireTimeMs),
    ...(download !== undefined && { url: download.url, urlExpireTime: timestampFromDate(download.expireTime) }),
  });
}

function toErrorFields({ code, reason, message }: OperationError) {
  return { code: code === "cancelled" ? CANCELLED : ERROR_STATUS[code].grpc, reason, message };
}

function toPurgeCounts({ matched, purged, retained }: OperationProgresses["purge"]): PurgeCounts {
  return create(PurgeCountsSchema, { matched: BigInt(matched), purged: BigInt(purged), retained: BigInt(retained) });
}
