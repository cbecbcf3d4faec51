import { DomainError } from "../errors.ts";
import { shareOf } from "./work-limiter.ts";

/** Room for one message; only its budget changes it. */
export interface MessageRoom {
  /** Bytes that the message is counted with. */
  readonly bytes: number;
}

interface CallerMessages {
  bytes: number;
  rooms: Set<Room>;
}

class Room implements MessageRoom {
  bytes = 0;
  isWhole = false;
  readonly caller: string;
  readonly refuse: (error: DomainError) => void;

  constructor(caller: string, refuse: (error: DomainError) => void) {
    this.caller = caller;
    this.refuse = refuse;
  }
}

const RETRY_MS = 1000;

/**
 * The bytes of this process for messages of callers, from the first byte that arrives until the call ends. Nobody waits
 * here: a message that waited for room would keep the bytes that it has. Where bytes are short, the caller who has most
 * loses: its largest message that is still arriving is refused. So a caller with many large messages, whole or not, never
 * keeps out another one with a small message; and a caller alone never gets the rest beyond its share, which is for others.
 * A caller is whatever string tells callers apart: a principal, or an address before anybody is known.
 */
export class MessageBudget {
  readonly totalBytes: number;
  readonly #callerMaxBytes: number;
  readonly #callers = new Map<string, CallerMessages>();
  #usedBytes = 0;

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
    this.#callerMaxBytes = shareOf(totalBytes);
  }

  /** Bytes that messages are counted with now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Opens room for a message, of no bytes yet. `refuse` is called when the message loses its room to another one; it then
   * has to stop arriving.
   */
  open(caller: string, refuse: (error: DomainError) => void): MessageRoom {
    return new Room(caller, refuse);
  }

  /** Counts more bytes. `resource_exhausted / OVERLOADED` when this message is the one that loses its room. */
  grow(room: MessageRoom, bytes: number): void {
    const own = room as Room;
    const messages = this.#callers.get(own.caller) ?? { bytes: 0, rooms: new Set() };
    this.#callers.set(own.caller, messages);
    messages.rooms.add(own);
    own.bytes += bytes;
    messages.bytes += bytes;
    this.#usedBytes += bytes;
    while (messages.bytes > this.#callerMaxBytes || this.#usedBytes > this.totalBytes) {
      const from = messages.bytes > this.#callerMaxBytes ? messages : this.#largest(messages);
      const loser = largestArriving(from, own) ?? own;
      const loserBytes = loser.bytes;
      this.release(loser);
      const error = this.#toOverloaded(loserBytes);
      if (loser === own) throw error;
      loser.refuse(error);
    }
  }

  /** The message has arrived: it is not refused for others any more. */
  noteWhole(room: MessageRoom): void {
    (room as Room).isWhole = true;
  }

  /** Gives the room back; further calls do nothing. */
  release(room: MessageRoom): void {
    const own = room as Room;
    const messages = this.#callers.get(own.caller);
    if (messages === undefined || !messages.rooms.delete(own)) return;
    messages.bytes -= own.bytes;
    this.#usedBytes -= own.bytes;
    own.bytes = 0;
    if (messages.rooms.size === 0) this.#callers.delete(own.caller);
  }

  /** The caller who has the most bytes; the given one where several have equally many. */
  #largest(first: CallerMessages): CallerMessages {
    let largest = first;
    for (const messages of this.#callers.values()) if (messages.bytes > largest.bytes) largest = messages;
    return largest;
  }

  #toOverloaded(bytes: number): DomainError {
    const message = `memory for messages is short, and this one is counted with ${bytes} bytes; send fewer or smaller ones at once`;
    return new DomainError("resource_exhausted", message, {
      reason: "OVERLOADED",
      details: { messages_bytes_max: this.totalBytes, caller_messages_bytes_max: this.#callerMaxBytes },
      retryAfterMs: RETRY_MS,
    });
  }
}

/** The largest message that has not arrived; the given one where several are equally large. */
function largestArriving({ rooms }: CallerMessages, first: Room): Room | undefined {
  let largest = rooms.has(first) && !first.isWhole ? first : undefined;
  for (const room of rooms) if (!room.isWhole && room.bytes > (largest?.bytes ?? 0)) largest = room;
  return largest;
}
