import { DomainError } from "../domain/errors.ts";
import { PART_MESSAGE_MAX_BYTES } from "../domain/part-plan.ts";
import type { UploadAccess } from "./upload-access.ts";
import type { UploadSessions } from "./upload-sessions.ts";

/**
 * Makes room for the message of one part before any of it is read: a place among the sessions, and a permit of the
 * memory budget for the message twice, because it is held in pieces and then in one while it is put together. The caller
 * gives it back when S3 has the part. `messageBytes` undefined: the largest is expected. Which upload the part is of
 * stands in the message, so that turns go around among the connections.
 *
 * Rejects with the signal's reason, as `UploadSessions.admit` does, and with `resource_exhausted / OVERLOADED` when no
 * permit is free within the stall timeout.
 */
export async function admitPart(
  access: Pick<UploadAccess, "budget" | "limits"> & { sessions: UploadSessions },
  options: { messageBytes?: number | undefined; connection: string; signal: AbortSignal },
): Promise<() => void> {
  const { budget, limits, sessions } = access;
  const { messageBytes = PART_MESSAGE_MAX_BYTES, connection } = options;
  const seat = sessions.admit();
  const refused = new AbortController();
  seat.fail = (error) => refused.abort(error);
  const timer = setTimeout(() => refused.abort(toOverloaded(limits.stallTimeoutMs)), limits.stallTimeoutMs);
  try {
    const bytes = Math.min(2 * Math.min(messageBytes, PART_MESSAGE_MAX_BYTES), budget.totalBytes);
    const turn = { namespace: "", uploadId: connection };
    const signal = AbortSignal.any([options.signal, refused.signal]);
    const permit = budget.open();
    await budget.grow(permit, bytes, { turn, signal });
    return () => {
      budget.release(permit);
      sessions.release(seat);
    };
  } catch (error) {
    sessions.release(seat);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function toOverloaded(waitedMs: number): DomainError {
  const message = `no memory for the part was free within ${waitedMs} ms; try again`;
  return new DomainError("resource_exhausted", message, { reason: "OVERLOADED", retryAfterMs: 1000 });
}
