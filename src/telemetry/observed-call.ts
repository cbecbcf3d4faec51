import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import type { Caller } from "../domain/caller.ts";
import type { ErrorCode } from "../domain/errors.ts";
import { parseTraceParent, type TraceParent } from "../domain/trace-parent.ts";

/** The face of the API that a call came by. */
export type Face = "grpc" | "grpc-web" | "connect" | "rest" | "link";

/** The name of a method that the service does not have; callers make up any number of them. */
export const OTHER_METHOD = "_OTHER";

/** Why a call was refused or failed. */
export interface CallFailure {
  readonly code: ErrorCode | "cancelled";
  /** The reason of a DomainError, or another that says it in the same form. */
  readonly reason: string;
}

/** How a call ended. */
export interface CallEnd {
  durationMs: number;
  /** The status of the HTTP answer. */
  httpStatus: number;
  /** Whether the caller was gone before the answer was complete. */
  isCallerGone: boolean;
}

const CURRENT = new AsyncLocalStorage<ObservedCall>();

/** One call at the edge of the service, from its headers until its answer is closed. What serves it says here what it learns. */
export class ObservedCall {
  readonly face: Face;
  /** Undefined for a call that begins a trace. */
  readonly parent: TraceParent | undefined;
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The call's own span, 16 hexadecimal digits; undefined where no traces are made. */
  spanId: string | undefined;
  /** Whether somebody records the call's span from its beginning. */
  isRecorded = false;
  /** Address of the connection's other end. */
  readonly connectedFrom: string | undefined;
  /** Full name, such as "sluice.v1.FileQueryService/GetFile". */
  method = OTHER_METHOD;
  /** Undefined until the caller is known. */
  caller: Caller | undefined;
  /** Empty until it is known to exist, and for calls that are about none. */
  namespace = "";
  /** Bytes of files that the caller has sent. */
  countReceivedBytes = () => 0;
  /** Bytes of files that the caller has been sent. */
  countSentBytes = () => 0;
  /** The first failure counts: those after it are its consequences. */
  #failure: CallFailure | undefined;

  constructor(face: Face, header: (name: string) => string | undefined, connectedFrom: string | undefined) {
    this.face = face;
    this.connectedFrom = connectedFrom;
    this.parent = parseTraceParent(header);
    this.traceId = this.parent?.traceId ?? randomBytes(16).toString("hex");
  }

  /** Undefined as long as all is well. */
  get failure(): CallFailure | undefined {
    return this.#failure;
  }

  /** Bytes of files that the call has carried. */
  get fileBytes(): number {
    return this.countReceivedBytes() + this.countSentBytes();
  }

  fail(failure: CallFailure): void {
    this.#failure ??= failure;
  }

  /** Runs `work`. What it calls and waits for gets this call from `currentCall`. */
  run<T>(work: () => T): T {
    return CURRENT.run(this, work);
  }
}

/** The call that is being served; undefined for what the service does by itself. */
export function currentCall(): ObservedCall | undefined {
  return CURRENT.getStore();
}

/** "OK", the reason of the error, "CALLER_GONE", or "HTTP_404" and the like for answers that no method has given. */
export function toOutcome({ failure }: ObservedCall, { isCallerGone, httpStatus }: CallEnd): string {
  if (failure !== undefined) return failure.reason;
  if (isCallerGone) return "CALLER_GONE";
  return httpStatus < 400 ? "OK" : `HTTP_${httpStatus}`;
}

/** "OK", or gRPC's name of the code, such as "NOT_FOUND". */
export function toStatus({ failure }: ObservedCall, { isCallerGone, httpStatus }: CallEnd): string {
  if (failure !== undefined) return failure.code.toUpperCase();
  if (isCallerGone) return "CANCELLED";
  return httpStatus < 400 ? "OK" : "UNKNOWN";
}

/** Codes of failures that whoever runs the service has to know of. */
const OWN_FAILURES: ReadonlySet<CallFailure["code"]> = new Set(["internal", "unavailable", "data_loss"]);

/** Whether the call failed by a fault of the service, or of what it needs. */
export function isOwnFailure({ failure }: ObservedCall): boolean {
  return failure !== undefined && OWN_FAILURES.has(failure.code);
}

/** What OpenTelemetry calls the faces. */
export const SYSTEMS = {
  grpc: "grpc",
  "grpc-web": "grpc",
  connect: "connectrpc",
  rest: "rest",
  link: "rest",
} as const satisfies Record<Face, string>;
