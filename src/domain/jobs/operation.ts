import type { PathScope } from "../access/path-scope.ts";
import type { Caller } from "../caller.ts";
import type { ErrorCode } from "../errors.ts";
import type { FileChange } from "../files/file-repository.ts";
import type { StoragePlace } from "../residency.ts";

/** What an operation is asked to do, by its kind. Each is a JSON object. */
export interface OperationRequests {
  /** Purges the files that match, as PurgeFiles does page by page. */
  purge: { filter: string; includeLive: boolean; includeSuperseded: boolean };
  /** Copies a file within storage, as CopyFile does in one call. */
  copy: {
    path: string;
    generation?: number;
    targetPath: string;
    etag: string;
    ifTargetGenerationMatch?: number;
    values: FileChange;
    updateMask?: readonly string[] | undefined;
  };
  /** Writes entries of the audit log into an object, in the form in which ExportAudit sends them. */
  auditExport: { filter: string; afterSequence: number };
}

/** How far an operation is, by its kind. */
export interface OperationProgresses {
  /** Files: those that matched so far, and of these those that were purged and those that a hold or a retention keeps. */
  purge: { matched: number; purged: number; retained: number };
  /** Bytes of the copy that storage has, and of the file; 0 until the first step. */
  copy: { copiedBytes: number; sizeBytes: number };
  /** All entries up to `sequence` have been looked at, and `count` of them are in storage. */
  auditExport: { sequence: number; count: number };
}

/** What an operation that has done its work answers, by its kind. */
export interface OperationResponses {
  purge: OperationProgresses["purge"];
  /** The generation that the copy is, at the path that it has now. */
  copy: { fileId: string; path: string; generation: number };
  auditExport: ExportedObject;
}

/** An object with exported entries. */
export interface ExportedObject extends StoragePlace {
  key: string;
  /** The paths that its entries may be of: all that the starter might see at any of the steps. */
  scope: PathScope;
  sizeBytes: number;
  count: number;
  /** All entries up to this number were looked at. */
  lastSequence: number;
  /** Until when it is kept, in milliseconds since the epoch. */
  expireTimeMs: number;
}

/** The kind of an operation. */
export type OperationKind = keyof OperationRequests;

/** What is common to operations of all kinds. */
interface OperationState {
  /** UUIDv7. */
  operationId: string;
  namespace: string;
  /** Who has started it: what it does, it does by their right and in their name. Once it has ended, their name alone. */
  caller: Caller;
  /** UUID of the request that has started it. */
  requestId: string;
  createTime: Date;
  /** When it began to work; undefined while it waits for its turn. */
  beginTime: Date | undefined;
  /** When somebody asked for its end; undefined when nobody has. */
  cancelTime: Date | undefined;
  /** Undefined while it waits or works. */
  endTime: Date | undefined;
  /** Where the next step goes on; "" for the beginning. */
  cursor: string;
  /** Counts the steps that were saved: a step counts only when nobody has saved another one meanwhile. */
  revision: number;
  /** Why it has ended without a response; undefined otherwise. */
  error: OperationError | undefined;
}

/** Why an operation has ended before its work was done. "CANCELLED": somebody asked for it. */
export interface OperationError {
  code: ErrorCode | "cancelled";
  reason: string;
  message: string;
}

/** Work that goes on after the call that has started it, on any replica. */
export type Operation<K extends OperationKind = OperationKind> = {
  [One in K]: OperationState & {
    kind: One;
    /** Forgotten once it has ended: then it has no fields. */
    request: OperationRequests[One];
    progress: OperationProgresses[One];
    /** Defined when it has done its work. */
    response: OperationResponses[One] | undefined;
  };
}[K];

/** One step that an operation has made: where the next one goes on, or what the operation answers at its end. */
export type OperationStep<K extends OperationKind> = { progress: OperationProgresses[K] } & (
  | { cursor: string }
  | { response: OperationResponses[K] }
);

/** Bounds of operations in a namespace and in the service. */
export interface OperationLimits {
  /** Operations of a namespace that wait or work; more are refused. */
  openMax: number;
  /** Of a namespace: those that work at once; the others wait, the oldest first. */
  runningMax: number;
  /** In the whole service: those that work at once. */
  runningInAllMax: number;
  /** For how long an operation is kept after its end, in milliseconds. */
  keptMs: number;
}

/**
 * Those of the service. A step has some ten requests at storage under way: eight operations leave most of what storage gets at
 * once (`requestsMax.control`) to calls. A namespace has two, so that a copy of many hours does not hold up everything else.
 */
export const OPERATION_LIMITS: OperationLimits = {
  openMax: 100,
  runningMax: 2,
  runningInAllMax: 8,
  keptMs: 7 * 86_400_000,
};
