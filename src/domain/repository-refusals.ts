import { DomainError, invalidArgument } from "./errors.ts";
import type { UploadState } from "./uploads/upload.ts";

/** The sentences with which every repository refuses, so that a fake and the database say the same. */

/** `not_found / UPLOAD_NOT_FOUND` */
export function uploadNotFound(uploadId: string): DomainError {
  return new DomainError("not_found", `upload ${uploadId} does not exist; create one first`, {
    reason: "UPLOAD_NOT_FOUND",
    details: { upload_id: uploadId },
  });
}

/** `failed_precondition / UPLOAD_NOT_OPEN`; `needed` is the state that the step starts from. */
export function uploadNotOpen(uploadId: string, state: UploadState, needed: UploadState = "open"): DomainError {
  const isDead = state === "aborted" || state === "expired";
  const remedy = isDead ? "begin a new one" : `this needs it to be ${needed}`;
  return new DomainError("failed_precondition", `upload ${uploadId} is ${state}; ${remedy}`, {
    reason: "UPLOAD_NOT_OPEN",
    details: { upload_id: uploadId, state },
  });
}

/** `aborted / WRITER_FENCED`; `currentEpoch` is that of the newest writer of any range. */
export function writerFenced(uploadId: string, epoch: number, currentEpoch: number): DomainError {
  const message = `writer ${epoch} of upload ${uploadId} was replaced by a newer one; start again to take over`;
  return new DomainError("aborted", message, {
    reason: "WRITER_FENCED",
    details: { upload_id: uploadId, epoch, current_epoch: currentEpoch },
  });
}

/** `invalid_argument / SIZE_MISMATCH` */
export function sizeMismatch(uploadId: string, sizeBytes: number, sealedBytes: number): DomainError {
  const message = `upload ${uploadId} has ${sizeBytes} bytes; it was declared to have ${sealedBytes}`;
  return new DomainError("invalid_argument", message, {
    reason: "SIZE_MISMATCH",
    field: "size_bytes",
    details: { upload_id: uploadId, size_bytes: sizeBytes, declared_size_bytes: sealedBytes },
  });
}

/** `invalid_argument / SIZE_MISMATCH`: the upload was sealed while the part was on its way. */
export function partBeyondSize(uploadId: string, partNumber: number, sizeBytes: number): DomainError {
  const message = `part ${partNumber} of upload ${uploadId} lies beyond its ${sizeBytes} bytes, with which another call has sealed it; begin a new upload for a longer file`;
  return new DomainError("invalid_argument", message, {
    reason: "SIZE_MISMATCH",
    details: { upload_id: uploadId, part_number: partNumber, declared_size_bytes: sizeBytes },
  });
}

/** `aborted / CHECKSUM_MISMATCH`: a durable part is never replaced by other bytes. */
export function partAlreadyDurable(uploadId: string, partNumber: number): DomainError {
  const message = `part ${partNumber} of upload ${uploadId} is durable already, with other bytes; send the same ones`;
  return new DomainError("aborted", message, {
    reason: "CHECKSUM_MISMATCH",
    details: { upload_id: uploadId, part_number: partNumber },
  });
}

/** `invalid_argument / ARGUMENT_INVALID`: parts could land in an upload that is no more. */
export function urlOutlivesUpload(uploadId: string, lifetimeMs: number): DomainError {
  const message = `upload ${uploadId} ends before URLs would that live ${lifetimeMs / 1000} s; ask for a shorter lifetime, or begin a new upload`;
  return invalidArgument("lifetime", message, { details: { upload_id: uploadId, lifetime_ms: lifetimeMs } });
}

/** `failed_precondition / UPLOAD_TOKEN_USED_UP` */
export function uploadTokenUsedUp(uploadsMax: number): DomainError {
  const message = `the upload token has created ${uploadsMax} uploads, which is its limit; go on with those, or ask for another token`;
  return new DomainError("failed_precondition", message, {
    reason: "UPLOAD_TOKEN_USED_UP",
    details: { uploads_max: uploadsMax },
  });
}

/** `unauthenticated / TOKEN_EXPIRED` */
export function uploadTokenExpired(expireTime: Date): DomainError {
  const message = `the upload token expired at ${expireTime.toISOString()}; uploads that it created go on, for another upload ask for another token`;
  return new DomainError("unauthenticated", message, {
    reason: "TOKEN_EXPIRED",
    details: { expire_time: expireTime.toISOString() },
  });
}

/** `invalid_argument / REQUEST_ID_REUSED` */
export function requestIdReused(requestId: string, method: string): DomainError {
  const message = `request_id ${requestId} was used for another ${method}; send a fresh UUID for a new request`;
  return new DomainError("invalid_argument", message, {
    reason: "REQUEST_ID_REUSED",
    field: "request_id",
    details: { request_id: requestId },
  });
}

/** `failed_precondition / GENERATION_MISMATCH`; `current` is 0 when no live file is at the path. */
export function generationMismatch(path: string, wanted: number, current: number): DomainError {
  const found = current === 0 ? "no file is there" : `the file there has generation ${current}`;
  const needed = wanted === 0 ? "none was to be there" : `generation ${wanted} was to be there`;
  return new DomainError("failed_precondition", `${needed} at ${JSON.stringify(path)}; ${found}`, {
    reason: "GENERATION_MISMATCH",
    details: { if_generation_match: wanted, current_generation: current },
  });
}

/** `not_found / NAMESPACE_NOT_FOUND` */
export function namespaceNotFound(namespace: string): DomainError {
  return new DomainError("not_found", `namespace ${JSON.stringify(namespace.slice(0, 100))} does not exist`, {
    reason: "NAMESPACE_NOT_FOUND",
    field: "namespace",
  });
}

/** `not_found / FILE_NOT_FOUND` */
export function fileNotFound(path: string, generation?: number): DomainError {
  const which = generation === undefined ? "no file" : `no generation ${generation} of a file`;
  return new DomainError("not_found", `there is ${which} at ${JSON.stringify(path)}`, {
    reason: "FILE_NOT_FOUND",
    ...(generation !== undefined && { details: { generation } }),
  });
}

/** `already_exists / FILE_EXISTS` */
export function fileExists(path: string): DomainError {
  const message = `a live file is at ${JSON.stringify(path)}; delete or move it before restoring another`;
  return new DomainError("already_exists", message, { reason: "FILE_EXISTS" });
}

/** `failed_precondition / ETAG_MISMATCH`; `current` is what the file's etag is now, `field` where the caller sent its own. */
export function etagMismatch(
  path: string,
  { etag, current, field = "etag" }: { etag: string; current: string; field?: string },
): DomainError {
  const message = `the file at ${JSON.stringify(path)} has etag ${current} now; read it again and repeat the change`;
  return new DomainError("failed_precondition", message, {
    reason: "ETAG_MISMATCH",
    field,
    details: { path, etag: etag.slice(0, 100), current_etag: current },
  });
}

/** `failed_precondition / FILE_PURGED`: the bytes are being removed, or gone. */
export function filePurged(path: string, generation: number): DomainError {
  const message = `generation ${generation} of ${JSON.stringify(path)} is purged: its bytes cannot be brought back`;
  return new DomainError("failed_precondition", message, { reason: "FILE_PURGED", details: { path, generation } });
}

/** `failed_precondition / FILE_LIVE`; `remedy` says what would be right. */
export function fileLive(path: string, generation: number, { remedy }: { remedy: string }): DomainError {
  const message = `generation ${generation} of ${JSON.stringify(path)} is live; ${remedy}`;
  return new DomainError("failed_precondition", message, { reason: "FILE_LIVE", details: { path, generation } });
}

/** `not_found / LINK_NOT_FOUND` */
export function linkNotFound(linkId: string): DomainError {
  return new DomainError("not_found", `link ${linkId} does not exist; ListLinks names those that do`, {
    reason: "LINK_NOT_FOUND",
    details: { link_id: linkId },
  });
}

/** `not_found / SUBSCRIPTION_NOT_FOUND` */
export function subscriptionNotFound(subscriptionId: string): DomainError {
  return new DomainError(
    "not_found",
    `subscription ${subscriptionId} does not exist; ListSubscriptions names those that do`,
    {
      reason: "SUBSCRIPTION_NOT_FOUND",
      details: { subscription_id: subscriptionId },
    },
  );
}

/** `failed_precondition / SUBSCRIPTIONS_FULL` */
export function subscriptionsFull(namespace: string, subscriptionsMax: number): DomainError {
  const message = `namespace ${namespace} has ${subscriptionsMax} subscriptions, which is the limit; delete one, or let one receiver hand the events on`;
  return new DomainError("failed_precondition", message, {
    reason: "SUBSCRIPTIONS_FULL",
    details: { namespace, subscriptions_max: subscriptionsMax },
  });
}

/** `not_found / OPERATION_NOT_FOUND` */
export function operationNotFound(operationId: string): DomainError {
  const message = `operation ${operationId} does not exist, or ended more than 7 days ago; ListOperations names those that do`;
  return new DomainError("not_found", message, {
    reason: "OPERATION_NOT_FOUND",
    details: { operation_id: operationId },
  });
}

/** An operation of two that work in the namespace may have ended by then. */
const OPERATIONS_FULL_RETRY_MS = 60_000;

/** `resource_exhausted / OVERLOADED`: so many operations of the namespace wait or work. */
export function operationsFull(namespace: string, openMax: number): DomainError {
  const message = `${openMax} operations of namespace ${namespace} wait or work, which is the limit; try again when some have ended, or cancel some`;
  return new DomainError("resource_exhausted", message, {
    reason: "OVERLOADED",
    details: { namespace, operations_max: openMax },
    retryAfterMs: OPERATIONS_FULL_RETRY_MS,
  });
}

/** By then the calls that were under way at the same time have ended. */
const CONTENDED_RETRY_MS = 1000;

/** `aborted / CONTENDED`: each time the change was about to be made, somebody else had changed the file or its path. */
export function fileContended(path: string, attempts: number): DomainError {
  const message = `"${path}" could not be changed in ${attempts} tries, because others change it all the time; try again`;
  return new DomainError("aborted", message, {
    reason: "CONTENDED",
    details: { path, attempts_max: attempts },
    retryAfterMs: CONTENDED_RETRY_MS,
  });
}
