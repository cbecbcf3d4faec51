import type { Leave } from "../../domain/limits/work-limiter.ts";
import type { BodyAck } from "../../domain/object-store.ts";
import { S3TimeoutError } from "../errors.ts";
import { type BodyLayout, StreamedBody } from "../requests/streamed-body.ts";

/** How one attempt to send a body is laid out, and how long it may be silent. */
export interface AttemptPolicy {
  layout: BodyLayout;
  /** A request whose caller sends nothing for this long is given up, in milliseconds. S3 closes idle bodies after about 20 s. */
  idleTimeoutMs: number;
  /** Longest wait for S3's answer once the last byte was given and none leaves any more, in milliseconds. */
  answerTimeoutMs: number;
}

/** How an attempt delivers a body to S3: by one request, once that has a slot. */
export interface BodyDelivery {
  /** What is sent, for messages. */
  what: string;
  /** Waits for the slot; rejects with the signal's reason when that is aborted first. */
  enter?: (signal: AbortSignal) => Promise<Leave>;
  /** Sends one body; settles when the request has. Resolves once storage has proven that it has the bytes. */
  send: (body: StreamedBody, signal: AbortSignal) => Promise<BodyAck>;
}

/** An attempt that is given up here, for a reason that says nothing about S3: the breaker does not count it. */
export class DroppedAttempt extends Error {
  override readonly name = "AbortError";
}

/**
 * One S3 request of a body: its slot, and the timer that ends it when nothing moves. Bytes go into its \`body\` without passing
 * through here. The timer begins once the request has its slot: a wait for a slot is not silence of the caller.
 */
export class BodyAttempt {
  /** Where the bytes go, but for their end. */
  readonly body: StreamedBody;
  readonly #policy: AttemptPolicy;
  readonly #onIdle: () => void;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #isSending = false;
  #isEnded = false;

  /**
   * `crc32` is that of the bytes, where it is known already. `onIdle` is called when no byte has come and none has left for
   * the policy's idle time, while the body is not whole. `onLeft` is told how many bytes have left the socket's queue.
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
    this.body = new StreamedBody(lengthBytes, { layout: policy.layout, crc32, onActivity, onLeft });
  }

  /** Waits for bytes as long as at the beginning, after `onIdle`. */
  waitOn(): void {
    this.#timer?.refresh();
  }

  /** All bytes are written: from now on S3's answer is waited for. */
  end(crc32: number): void {
    this.body.end(crc32);
    this.#isEnded = true;
    if (this.#isSending) this.#watch();
  }

  /** Ends the request: `send` rejects with this reason once the request has settled. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Sends the body, once and when there is a slot for it; settles when the request has. */
  async send({ enter, send }: BodyDelivery): Promise<BodyAck> {
    const { signal } = this.#controller;
    let leave: Leave | undefined;
    try {
      if (enter !== undefined) leave = await enter(signal);
      this.#isSending = true;
      this.#watch();
      return await send(this.body, signal);
    } catch (error) {
      // The SDK makes an error of its own of an abort; the signal has the reason.
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(this.#timer);
      this.body.detach();
      leave?.();
    }
  }

  /** Watches for bytes; for S3's answer, once all bytes are written. */
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
