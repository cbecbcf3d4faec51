import type { Leave } from "../domain/limits/work-limiter.ts";
import type { BodyAck } from "../domain/object-store.ts";
import { S3TimeoutError } from "./errors.ts";
import { type BodyLayout, StreamedBody } from "./streamed-body.ts";

/** How one attempt to send a body is laid out, and how long it may be silent. */
export interface AttemptPolicy {
  layout: BodyLayout;
  /** A request whose caller sends nothing for this long is given up, in milliseconds. S3 closes idle bodies after about 20 s. */
  idleTimeoutMs: number;
  /** Longest wait for S3's answer once the last byte was given and none leaves any more, in milliseconds. */
  answerTimeoutMs: number;
}

/** Sends one body; the store's part of an attempt. */
export type SendBody = (body: StreamedBody, signal: AbortSignal) => Promise<BodyAck>;

/** Waits for the slot of a body's request; rejects with the signal's reason when that is aborted first. */
export type EnterSlot = (signal: AbortSignal) => Promise<Leave>;

/** An attempt given up here, for a reason that says nothing about S3: its breaker does not count it. */
export class DroppedAttempt extends Error {
  override readonly name = "AbortError";
}

/**
 * One S3 request of a body: bytes pushed into it while they arrive, and the timer that ends it when nothing moves. The timer
 * runs from when the request has its slot: waiting for that is nobody's silence.
 */
export class BodyAttempt {
  readonly #body: StreamedBody;
  readonly #policy: AttemptPolicy;
  readonly #onIdle: () => void;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isSending = false;
  #isEnded = false;

  /**
   * `crc32` is that of the bytes, where it is known already. `onIdle` is called when neither bytes came nor any left for
   * the policy's idle time, while the body is not whole; `onLeft`, how many of its bytes have left the socket's queue.
   */
  constructor(
    lengthBytes: number,
    options: {
      policy: AttemptPolicy;
      crc32?: number | undefined;
      onIdle: () => void;
      onLeft?: (leftBytes: number) => void;
    },
  ) {
    const { policy, crc32, onLeft } = options;
    this.#policy = policy;
    this.#onIdle = options.onIdle;
    const onActivity = () => void this.#timer?.refresh();
    this.#body = new StreamedBody(lengthBytes, { layout: policy.layout, crc32, onActivity, onLeft });
  }

  /** The next bytes, by reference. */
  write(bytes: Uint8Array): void {
    this.#body.write(bytes);
  }

  /** Sends on what is gathered for fewer writes. False when there is nothing that could go. */
  flush(): boolean {
    return this.#body.flush();
  }

  /** Waits for bytes as long as at the beginning, after `onIdle`. */
  waitOn(): void {
    this.#timer?.refresh();
  }

  /** All bytes are written: from now on S3's answer is waited for. */
  end(crc32: number): void {
    this.#body.end(crc32);
    this.#isEnded = true;
    if (this.#isSending) this.#watch();
  }

  /** Ends the request; `send` then rejects with this reason. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Sends the body, once and when there is a slot for it; settles when the request has. */
  async send(send: SendBody, enter?: EnterSlot): Promise<BodyAck> {
    const { signal } = this.#controller;
    let leave: Leave | undefined;
    try {
      if (enter !== undefined) leave = await enter(signal);
      this.#isSending = true;
      this.#watch();
      return await send(this.#body, signal);
    } catch (error) {
      // The SDK turns the signal's reason into an error of its own: what was meant is the reason.
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(this.#timer);
      this.#body.detach();
      leave?.();
    }
  }

  /** Watches for bytes, or once all are written for S3's answer. */
  #watch(): void {
    clearTimeout(this.#timer);
    const { idleTimeoutMs, answerTimeoutMs } = this.#policy;
    if (!this.#isEnded) this.#timer = setTimeout(this.#onIdle, idleTimeoutMs);
    else {
      const onTimeout = () => this.abort(new S3TimeoutError(`no answer within ${answerTimeoutMs} ms`));
      this.#timer = setTimeout(onTimeout, answerTimeoutMs);
    }
  }
}
