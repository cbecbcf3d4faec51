import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import { PART_MESSAGE_MAX_BYTES } from "../domain/uploads/part-plan.ts";
import type { TransferAccess } from "./transfer-access.ts";
import type { WritingSession } from "./upload-sessions.ts";
import type { SessionAccess } from "./write-session.ts";

/** The message of one part, before any byte of it is read. */
export interface PartMessage {
  /** Undefined where its caller does not declare it: the largest message is expected then. */
  readonly declaredBytes?: number | undefined;
  /** Turns go around among the connections: the upload is not known before the message is read. */
  readonly connection: string;
  readonly receivedBytes: number;
  readonly isWhole: boolean;
  /** Ends its call with this error. */
  refuse(error: Error): void;
  /** Ends its call with the error of `toError`, when no byte of it comes for so long. */
  expectBytesWithin(timeoutMs: number, toError: () => Error): void;
}

/**
 * Makes room for the message of one part before any of it is read: an upload slot, and a permit of the
 * memory budget for twice the message, because its pieces are copied into one while all of them are held. The caller calls the
 * result, which gives both back, when S3 has the part.
 *
 * Rejects with the signal's reason, as `UploadSessions.admit` does, and with `resource_exhausted / OVERLOADED` when no
 * permit is free within the stall timeout. A message that stops coming for that long is refused as `aborted / STALLED`. One
 * that comes slowly while others wait for memory is refused as OVERLOADED, because it cannot be spilled.
 */
export async function admitPart(
  access: Pick<TransferAccess, "budget" | "limits"> & Pick<SessionAccess, "sessions" | "now">,
  message: PartMessage,
  options: { caller: Caller; signal: AbortSignal },
): Promise<() => void> {
  const { budget, limits, sessions } = access;
  const { declaredBytes = PART_MESSAGE_MAX_BYTES, connection } = message;
  const slot = await sessions.admit(options.caller.principal);
  const refused = new AbortController();
  const session = new PartSession(message, { refused, now: access.now ?? (() => performance.now()) });
  slot.session = session;
  const { stallTimeoutMs } = limits;
  const toLate = () => toOverloaded(`no memory for the part was free within ${stallTimeoutMs} ms; try again`);
  const timer = setTimeout(() => refused.abort(toLate()), stallTimeoutMs);
  try {
    const expectedBytes = Math.min(declaredBytes, PART_MESSAGE_MAX_BYTES);
    const bytes = Math.min(2 * expectedBytes, budget.totalBytes);
    const permit = budget.open();
    const signal = AbortSignal.any([options.signal, refused.signal]);
    await budget.grow(permit, bytes, { turn: { namespace: "", uploadId: connection }, signal });
    budget.watch(permit, {
      heldBytes: bytes,
      get restBytes() {
        return message.isWhole ? 0 : Math.max(1, expectedBytes - message.receivedBytes);
      },
      onTrimmed: () => {},
      spill: () => {
        message.refuse(toOverloaded("memory is short, and the part comes slowly; send it again"));
        return bytes;
      },
    });
    session.beginMessage();
    message.expectBytesWithin(stallTimeoutMs, () => toStalled(stallTimeoutMs));
    return () => {
      budget.release(permit);
      sessions.release(slot);
    };
  } catch (error) {
    sessions.release(slot);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The message of a part as the holder of an upload slot. */
class PartSession implements WritingSession {
  readonly received = undefined;
  readonly load = { parts: 1, spilledBytes: 0 };
  readonly #message: PartMessage;
  readonly #refused: AbortController;
  readonly #now: () => number;
  #seenBytes = 0;
  /** When bytes were last seen to have come; undefined while the caller is not to send any. */
  #seenAt: number | undefined;

  constructor(message: PartMessage, { refused, now }: { refused: AbortController; now: () => number }) {
    this.#message = message;
    this.#refused = refused;
    this.#now = now;
  }

  /** From here on the caller is to send bytes. */
  beginMessage(): void {
    this.#seenAt = this.#now();
  }

  fail(error: Error): void {
    this.#refused.abort(error);
    this.#message.refuse(error);
  }

  /** A message that is on its way may still come. */
  drain(error: Error): void {
    this.#refused.abort(error);
  }

  /** Bytes are noticed when this is read: where some have come since the last time, the silence begins now. */
  get silentMs(): number {
    if (this.#seenAt === undefined || this.#message.isWhole) return 0;
    const now = this.#now();
    if (this.#message.receivedBytes > this.#seenBytes) this.#seenAt = now;
    this.#seenBytes = this.#message.receivedBytes;
    return now - this.#seenAt;
  }
}

function toOverloaded(message: string): DomainError {
  return new DomainError("resource_exhausted", message, { reason: "OVERLOADED", retryAfterMs: 1000 });
}

function toStalled(stallTimeoutMs: number): DomainError {
  const message = `nothing of the part came for ${stallTimeoutMs} ms; send it again`;
  return new DomainError("aborted", message, { reason: "STALLED", details: { stall_timeout_ms: stallTimeoutMs } });
}
