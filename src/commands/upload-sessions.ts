import { DomainError } from "../domain/errors.ts";
import type { SeatPool } from "../domain/seat-pool.ts";
import type { ReceivedNote } from "../domain/upload-repository.ts";

/** Who sits on a seat. */
export interface SeatedSession {
  /** Ends the session with this error, as if it had failed by itself. */
  fail(error: Error): void;
  /** What its writer has received, if it has one. */
  readonly received: ReceivedNote | undefined;
}

/** A place among the sessions; held until released. */
export interface Seat {
  /** Set once there is one. */
  session: SeatedSession | undefined;
}

/** The streams that write into uploads at this moment: bounded together with those of other workers, and told when the process drains. */
export class UploadSessions {
  readonly #pool: SeatPool;
  /** With what was taken of each last. */
  readonly #seats = new Map<Seat, number>();
  /** Of the pool's, those that this process has. */
  #takenSeats = 0;
  #waiting = 0;
  #taking: Promise<number> | undefined;
  #isDraining = false;

  constructor(pool: SeatPool) {
    this.#pool = pool;
  }

  get size(): number {
    return this.#seats.size;
  }

  /** Admits a session: `resource_exhausted / OVERLOADED` above the limit, `unavailable / SHUTTING_DOWN` while draining. */
  async admit(): Promise<Seat> {
    this.assertAdmitting();
    this.#waiting++;
    try {
      while (this.#seats.size >= this.#takenSeats) {
        if ((await this.#takeMore()) === 0) throw toOverloaded(this.#pool.seatsMax);
        this.assertAdmitting();
      }
      const seat: Seat = { session: undefined };
      this.#seats.set(seat, 0);
      return seat;
    } finally {
      this.#waiting--;
      this.#giveBack();
    }
  }

  /** `unavailable / SHUTTING_DOWN` while draining: for who was admitted before, but has not begun. */
  assertAdmitting(): void {
    if (this.#isDraining) throw toShuttingDown();
  }

  release(seat: Seat): void {
    if (this.#seats.delete(seat)) this.#giveBack();
  }

  /** What the writers have received, of those that have received more since this was asked last. */
  takeReceived(): ReceivedNote[] {
    const notes: ReceivedNote[] = [];
    for (const [seat, takenBytes] of this.#seats) {
      const note = seat.session?.received;
      if (note === undefined || note.receivedBytes <= takenBytes) continue;
      this.#seats.set(seat, note.receivedBytes);
      notes.push(note);
    }
    return notes;
  }

  /** Admits nobody any more and ends whom it has; they settle and tell their callers the durable offset. */
  drain(): void {
    this.#isDraining = true;
    for (const seat of this.#seats.keys()) seat.session?.fail(toShuttingDown());
  }

  /** One request at a time, for all who wait. */
  #takeMore(): Promise<number> {
    this.#taking ??= this.#pool.take(Math.max(this.#waiting, this.#pool.spareMax)).then((count) => {
      this.#taking = undefined;
      this.#takenSeats += count;
      return count;
    });
    return this.#taking;
  }

  /** Who waits may need those that are free at this moment. */
  #giveBack(): void {
    const spare = this.#takenSeats - this.#seats.size - this.#waiting - this.#pool.spareMax;
    if (spare <= 0) return;
    this.#takenSeats -= spare;
    this.#pool.giveBack(spare);
  }
}

function toOverloaded(uploadsMax: number): DomainError {
  return new DomainError(
    "resource_exhausted",
    `${uploadsMax} uploads are being written here, the most at once; try again`,
    { reason: "OVERLOADED", details: { uploads_max: uploadsMax }, retryAfterMs: 1000 },
  );
}

function toShuttingDown(): DomainError {
  return new DomainError("unavailable", "this server is shutting down; go on from the durable offset on another", {
    reason: "SHUTTING_DOWN",
    retryAfterMs: 0,
  });
}
