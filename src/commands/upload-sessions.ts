import { DomainError } from "../domain/errors.ts";
import type { ReceivedNote } from "../domain/upload-repository.ts";

/** A place among the sessions; held until released. */
export interface Seat {
  /** Ends the session with this error, as if it had failed by itself. Set once there is a session. */
  fail: (error: Error) => void;
  /** What the session's writer has received. Set once there is one. */
  received: () => ReceivedNote | undefined;
}

/** The streams that write into uploads at this moment: bounded, and told when the process drains. */
export class UploadSessions {
  readonly #max: number;
  /** With what was taken of each last. */
  readonly #seats = new Map<Seat, number>();
  #isDraining = false;

  /** `max`: sessions at once, a process. */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#seats.size;
  }

  /** Admits a session: `resource_exhausted / OVERLOADED` above the limit, `unavailable / SHUTTING_DOWN` while draining. */
  admit(): Seat {
    this.assertAdmitting();
    if (this.#seats.size >= this.#max) {
      throw new DomainError(
        "resource_exhausted",
        `${this.#max} uploads are being written here, the most at once; try again`,
        {
          reason: "OVERLOADED",
          details: { uploads_max: this.#max },
          retryAfterMs: 1000,
        },
      );
    }
    const seat: Seat = { fail: () => {}, received: () => undefined };
    this.#seats.set(seat, 0);
    return seat;
  }

  /** `unavailable / SHUTTING_DOWN` while draining: for who was admitted before, but has not begun. */
  assertAdmitting(): void {
    if (this.#isDraining) throw toShuttingDown();
  }

  release(seat: Seat): void {
    this.#seats.delete(seat);
  }

  /** What the writers have received, of those that have received more since this was asked last. */
  takeReceived(): ReceivedNote[] {
    const notes: ReceivedNote[] = [];
    for (const [seat, takenBytes] of this.#seats) {
      const note = seat.received();
      if (note === undefined || note.receivedBytes <= takenBytes) continue;
      this.#seats.set(seat, note.receivedBytes);
      notes.push(note);
    }
    return notes;
  }

  /** Admits nobody any more and ends whom it has; they settle and tell their callers the durable offset. */
  drain(): void {
    this.#isDraining = true;
    for (const seat of this.#seats.keys()) seat.fail(toShuttingDown());
  }
}

function toShuttingDown(): DomainError {
  return new DomainError("unavailable", "this server is shutting down; go on from the durable offset on another", {
    reason: "SHUTTING_DOWN",
    retryAfterMs: 0,
  });
}
