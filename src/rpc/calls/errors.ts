import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import { DomainError, type ErrorCode, type ErrorReason } from "../../domain/errors.ts";

/**
 * gRPC code (which is also Connect's) and HTTP status of each kind of failure. gRPC codes:
 * https://grpc.io/docs/guides/status-codes/. A failed precondition is 412 and not Google's 400, because the REST face
 * states preconditions as `If-Match` and `If-None-Match` (RFC 9110, 15.5.13).
 */
export const ERROR_STATUS = {
  invalid_argument: { grpc: 3, http: 400 },
  deadline_exceeded: { grpc: 4, http: 504 },
  not_found: { grpc: 5, http: 404 },
  already_exists: { grpc: 6, http: 409 },
  permission_denied: { grpc: 7, http: 403 },
  resource_exhausted: { grpc: 8, http: 429 },
  failed_precondition: { grpc: 9, http: 412 },
  aborted: { grpc: 10, http: 409 },
  unimplemented: { grpc: 12, http: 501 },
  internal: { grpc: 13, http: 500 },
  unavailable: { grpc: 14, http: 503 },
  data_loss: { grpc: 15, http: 500 },
  unauthenticated: { grpc: 16, http: 401 },
} as const satisfies Record<ErrorCode, { grpc: number; http: number }>;

/** The value of ErrorInfo.domain: the service whose reasons these are. */
export const ERROR_DOMAIN = "sluice";

/** One message of google/rpc/error_details.proto with its descriptor. */
export interface ErrorDetail {
  desc: DescMessage;
  value: Message;
}

/** The kind of thing that was not found, as google.rpc.ResourceInfo names it. */
const RESOURCE_TYPES: Partial<Record<ErrorReason, string>> = {
  NAMESPACE_NOT_FOUND: "sluice.v1.Namespace",
  FILE_NOT_FOUND: "sluice.v1.File",
  FILE_EXISTS: "sluice.v1.File",
  LINK_NOT_FOUND: "sluice.v1.Link",
  UPLOAD_NOT_FOUND: "sluice.v1.Upload",
  SUBSCRIPTION_NOT_FOUND: "sluice.v1.Subscription",
  OPERATION_NOT_FOUND: "sluice.v1.Operation",
};

/**
 * Longest message of an error, in UTF-16 units. Errors go in headers, three times over, and clients refuse headers above 8 to
 * 64 KiB: with a longer message they would report a broken connection instead.
 */
export const ERROR_MESSAGE_MAX = 2000;

/**
 * The error that a caller may see in place of the error that was thrown. A DomainError stays, but a message that is too long
 * is cut. Anything else is a defect: it becomes `internal / INTERNAL` and carries the thrown error as its cause, for the log.
 */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) {
    if (error.message.length <= ERROR_MESSAGE_MAX) return error;
    return error.withMessage(`${error.message.slice(0, ERROR_MESSAGE_MAX - 1).toWellFormed()}…`);
  }
  return new DomainError("internal", "internal error", { reason: "INTERNAL", cause: error });
}

/** The error's details for the wire: ErrorInfo always, and the others when they apply (AIP-193). */
export function toErrorDetails(error: DomainError): ErrorDetail[] {
  const metadata = Object.fromEntries(Object.entries(error.details).map(([name, value]) => [name, String(value)]));
  const details: ErrorDetail[] = [
    detail(ErrorInfoSchema, create(ErrorInfoSchema, { reason: error.reason, domain: ERROR_DOMAIN, metadata })),
  ];
  if (error.field !== undefined && error.code === "invalid_argument") {
    const fieldViolations = [{ field: error.field, description: error.message, reason: error.reason }];
    details.push(detail(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (error.retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(Math.ceil(error.retryAfterMs));
    details.push(detail(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  if (error.code === "failed_precondition") {
    const violations = [{ type: error.reason, subject: nameResource(error), description: error.message }];
    details.push(detail(PreconditionFailureSchema, create(PreconditionFailureSchema, { violations })));
  }
  if (error.reason.startsWith("QUOTA_")) {
    const violations = [{ subject: nameQuotaSubject(error), description: error.message }];
    details.push(detail(QuotaFailureSchema, create(QuotaFailureSchema, { violations })));
  }
  const resourceType = RESOURCE_TYPES[error.reason];
  if (resourceType !== undefined) {
    const resource = { resourceType, resourceName: nameResource(error), description: error.message };
    details.push(detail(ResourceInfoSchema, create(ResourceInfoSchema, resource)));
  }
  return details;
}

function detail<Desc extends DescMessage>(desc: Desc, value: Message): ErrorDetail {
  return { desc, value };
}

/** Whose quota it is: a namespace's, or that of a principal in it. */
function nameQuotaSubject({ details: { namespace, principal } }: DomainError): string {
  return `namespace:${namespace}${principal === undefined ? "" : `/principal:${principal}`}`;
}

/** The most precise name that the error's details hold; empty when they hold none. */
function nameResource(error: DomainError): string {
  const { path, upload_id: uploadId, subscription_id: subscriptionId, namespace } = error.details;
  return String(path ?? uploadId ?? subscriptionId ?? namespace ?? "");
}
