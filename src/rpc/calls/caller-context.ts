import { type ContextValues, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Authenticator } from "../../auth/authenticator.ts";
import type { PathScope } from "../../domain/access/path-scope.ts";
import { refuseMethod } from "../../domain/access/upload-token.ts";
import type { Caller } from "../../domain/caller.ts";
import {
  type CommitPosition,
  POSITION_HEADER,
  parseCommitPosition,
  STALE_HEADER,
} from "../../domain/commit-position.ts";
import type { EventSight } from "../../queries/events/event-sight.ts";
import type { MarkStale } from "../../queries/kept-files.ts";
import { type ErrorLog, noteFailure, toConnectError } from "./error-interceptor.ts";
import { currentArrival } from "./message-arrival.ts";
import { nameCall } from "./name-call.ts";

const CALLER = createContextKey<Caller | undefined>(undefined, { description: "who calls" });

/**
 * The context that a command or query gets beside its request: the caller, the commit position that the caller has seen, and
 * a signal that aborts when nobody waits for the answer any more.
 */
export interface CallOptions {
  caller: Caller;
  position: CommitPosition | undefined;
  signal: AbortSignal;
  /** Tells the caller that the answer was the newest so many milliseconds ago; without it, no such answer is given. */
  markStale?: MarkStale;
  /** The paths that the answer of a list may show. A list that gets none is refused: see `requireScope`. */
  scope?: PathScope;
  /** The same for a stream, at the moment; it throws once there is none. */
  scopeNow?: (() => PathScope) | undefined;
  /** What of events the caller may see at the moment; it throws once that is nothing. No event is shown without it. */
  sight?: (() => EventSight) | undefined;
  /** Whether a list of namespaces may show the one of that name. */
  isShown?: (namespace: string) => boolean;
}

/**
 * A request gate for Connect: finds out who calls before any byte of the body is read or decompressed, so that a call
 * without a token costs next to nothing. It runs outside the interceptors, and so translates its own errors.
 */
export function createAuthenticationGate(
  authenticate: Authenticator,
  log: ErrorLog,
): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const method = `${context.service.typeName}/${context.method.name}`;
    nameCall(context.method);
    try {
      const { address } = currentArrival();
      context.values.set(CALLER, await authenticate((name) => context.requestHeader.get(name), address));
    } catch (error) {
      noteFailure(error, { log, method });
      throw toConnectError(error);
    }
  };
}

/** An authenticator that refuses upload tokens, for the services of whose methods they may call none. */
export function refuseUploadTokens(authenticate: Authenticator): Authenticator {
  return async (header, connectedFrom) => {
    const caller = await authenticate(header, connectedFrom);
    if (caller.uploadToken !== undefined) throw refuseMethod();
    return caller;
  };
}

/** The caller of a call that has passed the gate. */
export function callerOf(context: HandlerContext): Caller {
  return callerIn(context.values);
}

/** The caller among the values of a call that has passed the gate. */
export function callerIn(values: ContextValues): Caller {
  const caller = values.get(CALLER);
  if (caller === undefined) throw new Error("a method is served without the authentication gate");
  return caller;
}

/** Caller, commit position and signal of a call that has passed the gate. */
export function toCallOptions(context: HandlerContext): CallOptions {
  const caller = callerOf(context);
  const position = context.requestHeader.get(POSITION_HEADER);
  return {
    caller,
    position: position === null ? undefined : parseCommitPosition(position),
    signal: context.signal,
    markStale: (ageMs) => context.responseHeader.set(STALE_HEADER, String(ageMs)),
  };
}
