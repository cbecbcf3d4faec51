import { AsyncLocalStorage } from "node:async_hooks";
import { DomainError } from "../../domain/errors.ts";
import type { MessageBudget, MessageRoom } from "../../domain/limits/message-budget.ts";
import type { NodeRequest } from "../listener/node-messages.ts";
import { noteWastedCall } from "../listener/wasted-calls.ts";
import { toConnectError } from "./error-interceptor.ts";
import { type MessageLimits, PARSED_TIMES } from "./message-limits.ts";

/** Pieces below this size are put together before they are handed on, in bytes: each piece costs its reader the same. */
const PIECE_MIN_BYTES = 8192;
/** Bytes that a message may have around it: its prefix in gRPC, gRPC-web and the streams of Connect. */
const ENVELOPE_BYTES = 5;

/** The form in which somebody reads a message. */
interface ReadForm {
  limits: MessageLimits;
  /** Bytes that may come beside the message. */
  envelopeBytes: number;
  toError: (error: Error) => Error;
}

const doNothing = () => {};
const CURRENT = new AsyncLocalStorage<MessageArrival>();
const connectionNames = new WeakMap<object, string>();
let connections = 0;

/**
 * The body of a request that holds one message, while it arrives. It tells how much has come, and can refuse the message in
 * the middle. Nothing is read before somebody asks for it. Once the caller is known, the message is counted against a budget,
 * until `release`.
 */
export class MessageArrival {
  receivedBytes = 0;
  /** Whether the whole message is there. */
  isWhole = false;
  readonly #request: NodeRequest;
  /** Undefined until the message is read. */
  #form: ReadForm | undefined;
  #failure: Error | undefined;
  #silence: { timeoutMs: number; toError: () => Error } | undefined;
  #held: { budget: MessageBudget; room: MessageRoom } | undefined;
  /** Pieces that came and were not taken yet. The last ones may be together in `#gathered`. */
  #pieces: Uint8Array[] = [];
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;
  #stopReading: () => void = doNothing;
  #wake: () => void = doNothing;

  constructor(request: NodeRequest) {
    this.#request = request;
  }

  /** Name of the message's connection, unique in this process. One caller or one proxy has the whole connection. */
  get connection(): string {
    return nameConnection(this.#request);
  }

  /** Address that the message comes from. */
  get address(): string {
    return this.#request.socket.remoteAddress ?? "";
  }

  /** The message's length as the caller declared it; undefined when the caller did not. HTTP ends longer bodies. */
  get declaredBytes(): number | undefined {
    const text = this.#request.headers["content-length"];
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  }

  /** Refuses a body whose declared length is larger, before it is read, with `resource_exhausted / MESSAGE_TOO_LARGE`. */
  assertDeclaredWithin(maxBytes: number): void {
    assertWithin(this.declaredBytes ?? 0, { limits: { maxBytes }, envelopeBytes: 0 });
  }

  /** Whether reading began and ended before the whole message was there. */
  get isBrokenOff(): boolean {
    return this.#form !== undefined && !this.isWhole;
  }

  /** Runs `call`. Methods that it serves get this message from `currentArrival`. */
  run<T>(call: () => T): T {
    return CURRENT.run(this, call);
  }

  /** Counts the message for this caller until `release`. Only the first call counts: a REST request calls several methods. */
  holdFor(caller: string, budget: MessageBudget): void {
    this.#held ??= { budget, room: budget.open(caller, (error) => this.refuse(error)) };
  }

  /** Counts the message's bytes after decompression. Throws the same errors as `read`. */
  noteInflated(bytes: number): void {
    try {
      this.#count(bytes);
    } catch (error) {
      throw toConnectError(error);
    }
  }

  /** Gives the message's room in the budget back, when nobody needs its bytes any more. */
  release(): void {
    this.#held?.budget.release(this.#held.room);
  }

  /** Ends the call with this error; no more of the message is read. Does nothing once the whole message is there. */
  refuse(error: Error): void {
    if (this.isWhole || this.#failure !== undefined) return;
    this.#failure = error;
    if (error instanceof DomainError && error.reason === "MESSAGE_TOO_LARGE") noteWastedCall(this.#request);
    this.#pieces = [];
    this.#stopReading();
    this.release();
    this.#wake();
  }

  /** Refuses the message when no byte of it comes for `timeoutMs`. Call it before the message is read. */
  expectBytesWithin(timeoutMs: number, toError: () => Error): void {
    this.#silence = { timeoutMs, toError };
  }

  /**
   * The bytes for Connect, in few pieces, with errors as Connect sends them. Rejects with the error of `refuse`, and with
   * `aborted / CALLER_GONE` when the caller leaves in the middle, `aborted / STALLED` when the message takes longer than the
   * limits say, `resource_exhausted / MESSAGE_TOO_LARGE` when it is larger than they say (before a byte is read, if the
   * length was declared), and the errors of `MessageBudget.grow`.
   */
  read(limits: MessageLimits): AsyncIterable<Uint8Array> {
    // The iterator has no `return`: the request must stay open at the end, because the answer goes by the same stream.
    const form = { limits, envelopeBytes: ENVELOPE_BYTES, toError: toConnectError };
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#next(form) }) };
  }

  /** All bytes of a body that holds the message and nothing else, in one piece. Rejects with the same errors as `read`. */
  async readWhole(limits: MessageLimits): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for (;;) {
      const next = await this.#next({ limits, envelopeBytes: 0, toError: (error) => error });
      if (next.done === true) break;
      pieces.push(next.value);
    }
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, this.receivedBytes);
  }

  async #next(form: ReadForm): Promise<IteratorResult<Uint8Array>> {
    if (this.#form === undefined) this.#begin(form);
    for (;;) {
      if (this.#failure !== undefined) throw form.toError(this.#failure);
      const piece = this.#pieces.shift();
      if (piece !== undefined) return { done: false, value: piece };
      if (this.isWhole) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #begin(form: ReadForm): void {
    this.#form = form;
    const { timeoutMs } = form.limits;
    try {
      assertWithin(this.declaredBytes ?? 0, form);
    } catch (error) {
      this.refuse(error as Error);
      return;
    }
    const request = this.#request;
    const silence = this.#silence;
    const deadline = setTimeout(() => this.refuse(toLate(timeoutMs)), timeoutMs);
    const pause = silence && setTimeout(() => this.refuse(silence.toError()), silence.timeoutMs);
    const onData = (piece: Buffer) => {
      pause?.refresh();
      this.#take(piece, form);
    };
    const onGone = () => this.refuse(toGone());
    // An HTTP/2 stream that is reset ends, too.
    const onEnd = () => (request.aborted ? onGone() : this.#end());
    this.#stopReading = () => {
      clearTimeout(deadline);
      clearTimeout(pause);
      request.off("data", onData).off("end", onEnd).off("close", onGone);
      if (!this.isWhole) request.pause();
    };
    request.on("data", onData).once("end", onEnd).once("close", onGone).once("error", onGone);
  }

  #take(piece: Buffer, form: ReadForm): void {
    this.receivedBytes += piece.length;
    try {
      assertWithin(this.receivedBytes, form);
      this.#count(piece.length);
    } catch (error) {
      this.refuse(error as Error);
      return;
    }
    if (piece.length < PIECE_MIN_BYTES) this.#gather(piece);
    else {
      this.#flush();
      this.#pieces.push(piece);
    }
    if (this.#pieces.length > 0) this.#wake();
  }

  /** Small pieces are copied: each would keep the whole network buffer that it is a view of. */
  #gather(piece: Buffer): void {
    const before = this.#gathered;
    const bytes = this.#gatheredBytes + piece.length;
    const gathered = before === undefined || bytes > before.length ? Buffer.allocUnsafe(2 * bytes) : before;
    if (before !== undefined && gathered !== before) gathered.set(before.subarray(0, this.#gatheredBytes));
    gathered.set(piece, this.#gatheredBytes);
    this.#gathered = gathered;
    this.#gatheredBytes = bytes;
    if (bytes >= PIECE_MIN_BYTES) this.#flush();
  }

  #count(bytes: number): void {
    this.#held?.budget.grow(this.#held.room, bytes * PARSED_TIMES);
  }

  #flush(): void {
    if (this.#gathered !== undefined) this.#pieces.push(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
  }

  #end(): void {
    this.#flush();
    this.isWhole = true;
    this.#held?.budget.noteWhole(this.#held.room);
    this.#stopReading();
    this.#wake();
  }
}

/** The message of the call that is being served. */
export function currentArrival(): MessageArrival {
  const arrival = CURRENT.getStore();
  if (arrival === undefined) throw new Error("the call's message is not watched");
  return arrival;
}

/** A name for the connection of a request, unique in this process. */
function nameConnection(request: NodeRequest): string {
  const connection = ("stream" in request ? request.stream.session : undefined) ?? request.socket;
  const name = connectionNames.get(connection) ?? String(++connections);
  connectionNames.set(connection, name);
  return name;
}

function assertWithin(
  bytes: number,
  { limits: { maxBytes }, envelopeBytes }: { limits: Pick<MessageLimits, "maxBytes">; envelopeBytes: number },
): void {
  if (bytes <= maxBytes + envelopeBytes) return;
  const message = `the message has ${bytes} bytes or more; the limit is ${maxBytes}: send smaller messages`;
  throw new DomainError("resource_exhausted", message, {
    reason: "MESSAGE_TOO_LARGE",
    details: { body_bytes: bytes, body_bytes_max: maxBytes },
  });
}

function toLate(timeoutMs: number): DomainError {
  const message = `not all of the message came within ${timeoutMs} ms; send it again, faster or in smaller ones`;
  return new DomainError("aborted", message, { reason: "STALLED", details: { message_timeout_ms: timeoutMs } });
}

function toGone(): DomainError {
  return new DomainError("aborted", "the caller went away in the middle of the body", { reason: "CALLER_GONE" });
}
