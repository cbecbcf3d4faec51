import { createHash } from "node:crypto";
import { type Caller, toRequester } from "./caller.ts";
import { type Actor, type Change, type Deed, toActor } from "./deed.ts";
import { DomainError } from "./errors.ts";

/** Who calls a command, where, under which request id: makes it repeatable. Unique per namespace, principal and method. */
export interface CommandIdentity {
  /** Name of the namespace in which the command makes or changes something; of a copy that is the copy's. */
  namespace: string;
  /** As `toRequester` names the caller. */
  principal: string;
  /** Who calls, for the journal: no part of the identity. */
  actor: Actor;
  /** Name of the method, for instance "CreateUpload". */
  method: Change;
  /** UUID, lower case. */
  requestId: string;
  /** SHA-256 of the request's meaning: the same id with other content is refused with REQUEST_ID_REUSED. */
  contentSha256: Uint8Array;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The identity of a command. `content` is what the request means beside its namespace, as plain values in a fixed order: two
 * requests are the same when these are. `invalid_argument / REQUEST_ID_INVALID` unless the id is a UUID.
 */
export function toCommandIdentity(
  caller: Caller,
  method: Change,
  request: { namespace: string; requestId: string; content: readonly unknown[] },
): CommandIdentity {
  return {
    namespace: request.namespace,
    principal: toRequester(caller),
    actor: toActor(caller),
    method,
    requestId: parseUuid(request.requestId, "request_id", "REQUEST_ID_INVALID"),
    contentSha256: createHash("sha256").update(JSON.stringify(request.content, toPlain)).digest(),
  };
}

/** The command as a deed of its caller, for the journal. */
export function toDeed({ actor, requestId, method }: CommandIdentity): Deed {
  return { action: method, actor: { ...actor, requestId } };
}

/** Whether a text is a UUID, in letters of either case. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Parses a UUID from the field of a request; returns it in lower case. */
export function parseUuid(
  text: string,
  field: string,
  reason: "REQUEST_ID_INVALID" | "ARGUMENT_INVALID" = "ARGUMENT_INVALID",
): string {
  if (isUuid(text)) return text.toLowerCase();
  const what = text === "" ? "is missing" : "is not a UUID";
  throw new DomainError("invalid_argument", `${field} ${what}; send one like 0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b`, {
    reason,
    field,
  });
}

/** Bytes as hex and maps by sorted names, so that equal requests hash alike. */
function toPlain(this: unknown, key: string, value: unknown): unknown {
  // A Buffer has been through its toJSON by now; a Uint8Array of the same bytes has none.
  const bytes = (this as Readonly<Record<string, unknown>>)[key];
  if (bytes instanceof Uint8Array) return Buffer.from(bytes).toString("hex");
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  }
  return value;
}
