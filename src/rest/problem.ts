import { STATUS_CODES } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { toConnectError } from "../rpc/calls/error-interceptor.ts";
import { ERROR_STATUS } from "../rpc/calls/errors.ts";
import { RestRefusal } from "./requests/rest-refusal.ts";

/** An error as RFC 9457 writes it, with the members that all errors of the service have. */
export interface Problem {
  /** A URN of the reason: programs compare it, and nobody resolves it. */
  type: string;
  /** HTTP's phrase for the status. */
  title: string;
  status: number;
  /** A sentence for people. */
  detail: string;
  /** The reason for programs, which is the same as over gRPC. Reasons of HTTP itself are in `RestReason`. */
  reason: string;
  /** The field of the request that is wrong. */
  field?: string;
  /** The offending value and its bound, by name. */
  details?: Record<string, string>;
}

/** HTTP statuses of the codes that only Connect uses: for a caller that left, a deadline, and a method that does not exist. */
const OTHER_STATUS: Partial<Record<Code, { status: number; reason: string }>> = {
  [Code.Canceled]: { status: 499, reason: "CALLER_GONE" },
  [Code.DeadlineExceeded]: { status: 504, reason: "DEADLINE_EXCEEDED" },
  [Code.Unimplemented]: { status: 501, reason: "UNIMPLEMENTED" },
};
const STATUS_OF_CODE = new Map<number, number>(Object.values(ERROR_STATUS).map(({ grpc, http }) => [grpc, http]));
/** Reasons that have a more precise HTTP status than their code has. */
const STATUS_OF_REASON: Readonly<Record<string, number>> = {
  MESSAGE_TOO_LARGE: 413,
  SIZE_LIMIT: 413,
  // RFC 4918, 11.5. HTTP clients repeat a 429 by themselves, which is of no use before somebody makes room.
  QUOTA_STORAGE: 507,
};

/** The problem for a thrown error, with its headers. The problem of an unknown error tells nothing of it. */
export function toProblem(error: unknown): { problem: Problem; headers: Record<string, string> } {
  if (error instanceof RestRefusal) {
    const { status, reason, message, details, headers } = error;
    return { problem: createProblem({ status, reason, detail: message, details }), headers: { ...headers } };
  }
  const shown = error instanceof ConnectError ? error : toConnectError(error);
  const [info] = shown.findDetails(ErrorInfoSchema);
  const [bad] = shown.findDetails(BadRequestSchema);
  const [retry] = shown.findDetails(RetryInfoSchema);
  const other = OTHER_STATUS[shown.code];
  const reason = info?.reason ?? other?.reason ?? "INTERNAL";
  const status = STATUS_OF_REASON[reason] ?? other?.status ?? STATUS_OF_CODE.get(shown.code) ?? 500;
  const problem = createProblem({
    status,
    reason,
    detail: shown.rawMessage,
    details: info?.metadata ?? {},
    field: bad?.fieldViolations[0]?.field,
  });
  const headers: Record<string, string> = {};
  if (status === 401) headers["www-authenticate"] = toChallenge(reason);
  const { seconds = 0n, nanos = 0 } = retry?.retryDelay ?? {};
  // The header allows whole seconds only (RFC 9110, 10.2.3).
  if (retry !== undefined) headers["retry-after"] = String(Number(seconds) + (nanos > 0 ? 1 : 0));
  return { problem, headers };
}

function createProblem(error: {
  status: number;
  reason: string;
  detail: string;
  details: Readonly<Record<string, string | number>>;
  field?: string | undefined;
}): Problem {
  const { status, reason, detail, details, field } = error;
  const entries = Object.entries(details).map(([name, value]) => [name, String(value)]);
  return {
    type: `urn:sluice:problem:${reason.toLowerCase().replaceAll("_", "-")}`,
    title: STATUS_CODES[status] ?? "Client Closed Request",
    status,
    detail,
    reason,
    ...(field !== undefined && { field }),
    ...(entries.length > 0 && { details: Object.fromEntries(entries) }),
  };
}

/** RFC 6750, 3: only a caller that sent a token is told why it was not accepted. */
function toChallenge(reason: string): string {
  return `Bearer realm="sluice"${reason === "TOKEN_MISSING" ? "" : ', error="invalid_token"'}`;
}
