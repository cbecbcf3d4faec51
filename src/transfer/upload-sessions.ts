import { DomainError } from "../domain/errors.ts";
import { RefusalPace } from "../domain/limits/refusal-pace.ts";
import { shareOf } from "../domain/limits/work-limiter.ts";
import type { ReceivedNote } from "../domain/uploads/upload-writers.ts";
import type { SilentStream, SlotHolder, SlotPool, SlotRefusal } from "./upload-slots.ts";

const RETRY_MS = 1000;

/** What a session has under way. */
export interface SessionLoad {
  /** Parts that were begun and that S3 has not acknowledged. */
  parts: number;
  /** Bytes of its parts that were spilled and not yet read back. */
  spilledBytes: number;
}

/** A stream, or a message of one part, that holds an upload slot. */
export interface WritingSession {
  /** Ends the session with this error, as if it had failed by itself. */
  fail(error: Error): void;
  /** Tells the session that the process drains; where this is left out, `fail` is called. */
  drain?(error: Error): void;
  /** How many bytes its writer has received, if it has one. */
  readonly received: ReceivedNote | undefined;
  readonly load: SessionLoad;
  /** For how long its caller has sent no byte, in milliseconds; 0 while the caller is not to send any. */
  readonly silentMs: number;
}

/** The slot of one session; held until released. */
export interface UploadSlot {
  readonly caller: string;
  /** Undefined until the session has begun. */
  session: WritingSession | undefined;
}

/**
 * The streams that write into uploads at this moment: bounded together with those of other workers, in all and of each caller,
 * and told when the process drains. A stream that is silent for `silenceMaxMs` loses its slot when all are taken.
 */
export class UploadSessions implements SlotHolder {
  readonly #pool: SlotPool;
  readonly #silenceMaxMs: number;
  /** With the received bytes of each when they were taken last. */
  readonly #slots = new Map<UploadSlot, number>();
  /** Callers of slots that are kept free, the longest kept first. */
  readonly #spares: string[] = [];
  readonly #refusals = new RefusalPace();
  #isDraining = false;

  constructor(pool: SlotPool, { silenceMaxMs }: { silenceMaxMs: number }) {
    this.#pool = pool;
    this.#silenceMaxMs = silenceMaxMs;
    pool.serve(this);
  }

  get size(): number {
    return this.#slots.size;
  }

  /** What all sessions have under way together. */
  get load(): SessionLoad {
    const sum = { parts: 0, spilledBytes: 0 };
    for (const { session } of this.#slots.keys()) {
      sum.parts += session?.load.parts ?? 0;
      sum.spilledBytes += session?.load.spilledBytes ?? 0;
    }
    return sum;
  }

  /**
   * Admits a session of a caller: `resource_exhausted / OVERLOADED` above the limits, a little later when the caller is refused
   * all the time; `unavailable / SHUTTING_DOWN` while draining.
   */
  async admit(caller: string): Promise<UploadSlot> {
    this.assertAdmitting();
    const spare = this.#spares.lastIndexOf(caller);
    if (spare >= 0) this.#spares.splice(spare, 1);
    else {
      const refusal = await this.#pool.take(caller);
      if (refusal !== undefined) {
        await this.#refusals.untilTold(caller);
        throw toOverloaded(refusal, this.#pool.slotsMax);
      }
      if (this.#isDraining) this.#pool.giveBack(caller);
      this.assertAdmitting();
    }
    const slot: UploadSlot = { caller, session: undefined };
    this.#slots.set(slot, 0);
    return slot;
  }

  /** `unavailable / SHUTTING_DOWN` while draining: for a session that was admitted before, and has not begun. */
  assertAdmitting(): void {
    if (this.#isDraining) throw toShuttingDown();
  }

  /** Does nothing for a slot that was lost or released before. */
  release(slot: UploadSlot): void {
    if (!this.#slots.delete(slot)) return;
    this.#spares.push(slot.caller);
    if (this.#spares.length > this.#pool.spareMax) this.#pool.giveBack(this.#spares.shift() as string);
  }

  /** How many bytes the writers have received: of those writers that have received more since this was called last. */
  takeReceived(): ReceivedNote[] {
    const notes: ReceivedNote[] = [];
    for (const [slot, takenBytes] of this.#slots) {
      const note = slot.session?.received;
      if (note === undefined || note.receivedBytes <= takenBytes) continue;
      this.#slots.set(slot, note.receivedBytes);
      notes.push(note);
    }
    return notes;
  }

  async listSilent(): Promise<SilentStream[]> {
    for (const caller of this.#spares.splice(0)) this.#pool.giveBack(caller);
    return this.#findSilent().map(({ slot, silentMs }) => ({ caller: slot.caller, silentMs }));
  }

  async endSilent(caller: string): Promise<void> {
    const longest = this.#findSilent()
      .filter(({ slot }) => slot.caller === caller)
      .reduce<Silence | undefined>((a, b) => (a === undefined || b.silentMs > a.silentMs ? b : a), undefined);
    if (longest === undefined) return;
    // Another caller has the slot from here on, though the stream may still have parts to settle: a silent one has few.
    this.#slots.delete(longest.slot);
    this.#pool.giveBack(caller);
    longest.slot.session?.fail(toSilent(longest.silentMs, this.#pool.slotsMax));
  }

  /** Admits no session any more and ends all that there are; they settle and tell their callers the durable offset. */
  drain(): void {
    this.#isDraining = true;
    for (const { session } of this.#slots.keys()) {
      if (session?.drain !== undefined) session.drain(toShuttingDown());
      else session?.fail(toShuttingDown());
    }
  }

  #findSilent(): Silence[] {
    return [...this.#slots.keys()]
      .map((slot) => ({ slot, silentMs: slot.session?.silentMs ?? 0 }))
      .filter(({ silentMs }) => silentMs >= this.#silenceMaxMs);
  }
}

interface Silence {
  slot: UploadSlot;
  silentMs: number;
}

function toOverloaded(refusal: SlotRefusal, uploadsMax: number): DomainError {
  const message =
    refusal === "all"
      ? `${uploadsMax} uploads are being written here, the most at once; try again`
      : `you write ${shareOf(uploadsMax)} of the ${uploadsMax} uploads that may be written here at once, the most for one caller; let some of them end, then try again`;
  return overloaded(message, { uploads_max: uploadsMax });
}

function toSilent(silentMs: number, uploadsMax: number): DomainError {
  const message = `no byte came for ${Math.floor(silentMs)} ms while all ${uploadsMax} upload slots were taken, and another caller has the slot now; go on from the durable offset when there are bytes to send`;
  return overloaded(message, { uploads_max: uploadsMax, silent_ms: Math.floor(silentMs) });
}

function overloaded(message: string, details: Record<string, number>): DomainError {
  return new DomainError("resource_exhausted", message, { reason: "OVERLOADED", details, retryAfterMs: RETRY_MS });
}

function toShuttingDown(): DomainError {
  return new DomainError("unavailable", "this server is shutting down; go on from the durable offset on another", {
    reason: "SHUTTING_DOWN",
    retryAfterMs: 0,
  });
}
