import type { JsonValue } from "@bufbuild/protobuf";
import { DomainError } from "../domain/errors.ts";
import type { NodeRequest } from "../rpc/node-messages.ts";
import { headerOf } from "./rest-call.ts";
import { RestRefusal } from "./rest-refusal.ts";

/** How long the caller may pause in a body that is read whole, in milliseconds. */
const PAUSE_MAX_MS = 60_000;

/** What is known of a body beside its bound. */
export interface BodyWatch {
  /** Ends the reading with its reason. */
  signal?: AbortSignal;
  /** Told of each piece that comes, in bytes. */
  onBytes?: (bytes: number) => void;
  /** Longest pause, and what it is refused with. */
  pause?: { timeoutMs: number; toError: () => Error } | undefined;
}

/** Length of the body as the caller declared it; undefined when it did not. HTTP ends bodies that are longer. */
export function declaredLength(request: NodeRequest): number | undefined {
  const text = headerOf(request, "content-length");
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Refuses, with 413 MESSAGE_TOO_LARGE, a body of more than `maxBytes`. */
export function assertWithin(sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes) throw toTooLarge(sizeBytes, maxBytes);
}

/**
 * Reads a whole body of at most `maxBytes`; `assertWithin`, before a byte of it is read where its length was declared.
 * `aborted / CALLER_GONE` when the caller leaves in the middle, `aborted / STALLED` when it pauses for too long, a minute
 * unless said otherwise.
 */
export async function readBody(request: NodeRequest, options: BodyWatch & { maxBytes: number }): Promise<Buffer> {
  const { maxBytes, signal, onBytes, pause = { timeoutMs: PAUSE_MAX_MS, toError: toStalled } } = options;
  assertWithin(declaredLength(request) ?? 0, maxBytes);
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(pause.toError()), pause.timeoutMs);
  const onAbort = () => reject(signal?.reason);
  const onData = (piece: Buffer) => {
    timer.refresh();
    sizeBytes += piece.length;
    onBytes?.(piece.length);
    if (sizeBytes <= maxBytes) pieces.push(piece);
    else reject(toTooLarge(sizeBytes, maxBytes));
  };
  const onGone = () =>
    reject(new DomainError("aborted", "the caller went away in the middle of the body", { reason: "CALLER_GONE" }));
  // A stream of HTTP/2 that is reset ends, too.
  const onEnd = () => (request.aborted ? onGone() : resolve());
  request.on("data", onData).once("end", onEnd).once("close", onGone).once("error", onGone);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    signal?.throwIfAborted();
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    request.off("data", onData).off("end", onEnd).off("close", onGone);
    request.pause();
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, sizeBytes);
}

/** Reads a body of JSON; undefined when it is empty. 415 for another media type or an encoding, 400 for what is no JSON. */
export async function readJsonBody(
  request: NodeRequest,
  options: { maxBytes: number },
): Promise<JsonValue | undefined> {
  assertNotEncoded(request);
  const bytes = await readBody(request, options);
  if (bytes.length === 0) return undefined;
  const contentType = headerOf(request, "content-type") ?? "";
  if (!/^application\/json *(;|$)/i.test(contentType)) {
    const message = `the body is ${JSON.stringify(contentType.slice(0, 100))}; send application/json`;
    throw new RestRefusal("MEDIA_TYPE_UNSUPPORTED", message, { headers: { accept: "application/json" } });
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as JsonValue;
  } catch {
    throw new DomainError("invalid_argument", "the body is no JSON in UTF-8", { reason: "MESSAGE_MALFORMED" });
  }
}

/** Refuses a body that is compressed or otherwise encoded: it would be taken for what it is not. */
export function assertNotEncoded(request: NodeRequest): void {
  const encoding = headerOf(request, "content-encoding") ?? "identity";
  if (encoding === "identity") return;
  const message = `content-encoding is ${JSON.stringify(encoding.slice(0, 100))}; send the bytes as they are`;
  throw new RestRefusal("MEDIA_TYPE_UNSUPPORTED", message, { headers: { "accept-encoding": "identity" } });
}

function toTooLarge(sizeBytes: number, maxBytes: number): RestRefusal {
  const message = `the body has ${sizeBytes} bytes or more; the limit is ${maxBytes}`;
  return new RestRefusal("MESSAGE_TOO_LARGE", message, {
    details: { body_bytes: sizeBytes, body_bytes_max: maxBytes },
  });
}

function toStalled(): DomainError {
  const message = `nothing of the body came for ${PAUSE_MAX_MS} ms; send it again`;
  return new DomainError("aborted", message, { reason: "STALLED", details: { stall_timeout_ms: PAUSE_MAX_MS } });
}
