import { DomainError } from "../../domain/errors.ts";
import { HeldBytes } from "../../domain/memory/held-bytes.ts";
import type { BodyAck, OneShotBodyInFlight, OnLeft } from "../../domain/object-store.ts";
import { S3TimeoutError, toDomainError, toS3Failure } from "../errors.ts";
import { type AttemptPolicy, BodyAttempt, type BodyDelivery, DroppedAttempt } from "./body-attempt.ts";

/**
 * A body that is sent while it arrives, once, and not kept.
 *
 * Memory: references to bytes in the socket's queue, which the writer bounds by what OnLeft tells. The body always has the `trailer`
 * form, because the `header` form needs all bytes before the first is sent.
 */
export class OneShotBody implements OneShotBodyInFlight {
  readonly done: Promise<BodyAck>;
  readonly #what: string;
  readonly #lengthBytes: number;
  readonly #policy: AttemptPolicy;
  readonly #onLeft: OnLeft;
  readonly #attempt: BodyAttempt;
  /** Bytes that were written and not given back, in order. */
  #queued = new HeldBytes();
  /** None, but once S3 has acknowledged the body: bytes that had left and were not given back. */
  #rest = new HeldBytes();
  #writtenBytes = 0;
  #leftBytes = 0;
  /** For how long S3 has taken none of the queued bytes, in milliseconds. */
  #untakenMs = 0;
  #isEnded = false;
  #isSettled = false;
  #abortReason: Error | undefined;

  constructor(
    lengthBytes: number,
    { policy, onLeft, ...delivery }: BodyDelivery & { policy: AttemptPolicy; onLeft: OnLeft },
  ) {
    this.#lengthBytes = lengthBytes;
    this.#what = delivery.what;
    this.#policy = { ...policy, layout: { ...policy.layout, form: "trailer" } };
    this.#onLeft = onLeft;
    this.#attempt = new BodyAttempt(lengthBytes, {
      policy: this.#policy,
      onIdle: () => this.#onIdle(),
      onLeft: (leftBytes) => this.#noteLeft(leftBytes),
    });
    this.done = this.#run(delivery);
    // A caller that aborts may never await `done`; an unhandled rejection must not end the process.
    this.done.catch(() => {});
  }

  get kept(): HeldBytes {
    return this.#rest;
  }

  write(bytes: Uint8Array): void {
    if (this.#writtenBytes + bytes.length > this.#lengthBytes || this.#isEnded) {
      throw new Error(`${this.#what}: ${bytes.length} bytes past the announced ${this.#lengthBytes}`);
    }
    this.#writtenBytes += bytes.length;
    if (this.#isSettled) return;
    this.#queued.add(bytes);
    this.#attempt.body.write(bytes);
  }

  flush(): void {
    this.#attempt.body.flush();
  }

  end(crc32: number): void {
    if (this.#isEnded) return;
    if (this.#writtenBytes < this.#lengthBytes) {
      throw new Error(`${this.#what} ends after ${this.#writtenBytes} of the announced ${this.#lengthBytes} bytes`);
    }
    this.#isEnded = true;
    if (!this.#isSettled) this.#attempt.end(crc32);
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#attempt.abort(new DroppedAttempt("given up"));
  }

  async #run(delivery: BodyDelivery): Promise<BodyAck> {
    try {
      const ack = await this.#attempt.send(delivery);
      if (this.#attempt.body.hasLeft) this.#rest = this.#queued;
      return ack;
    } catch (error) {
      throw this.#abortReason ?? this.#explain(error);
    } finally {
      this.#isSettled = true;
      this.#queued = new HeldBytes();
    }
  }

  #noteLeft(leftBytes: number): void {
    this.#untakenMs = 0;
    this.#leftBytes = leftBytes;
    this.#queued.giveBackFirst(this.#countLeft());
    this.#onLeft(leftBytes);
  }

  /** How many of the queued pieces have left. */
  #countLeft(): number {
    let count = 0;
    let end = this.#writtenBytes - this.#queued.lengthBytes;
    for (const { length } of this.#queued.pieces) {
      end += length;
      if (end > this.#leftBytes) break;
      count++;
    }
    return count;
  }

  /** No byte has come and none has left for a while: gathered bytes are sent, so that S3 hears of a caller that is merely slow. */
  #onIdle(): void {
    const { idleTimeoutMs, answerTimeoutMs } = this.#policy;
    if (this.#attempt.body.flush()) return;
    if (this.#leftBytes === this.#writtenBytes) {
      this.#attempt.abort(new DroppedAttempt(`the caller sent nothing for ${idleTimeoutMs} ms`));
      return;
    }
    this.#untakenMs += idleTimeoutMs;
    if (this.#untakenMs < answerTimeoutMs) this.#attempt.waitOn();
    else this.#attempt.abort(new S3TimeoutError(`nothing was taken for ${this.#untakenMs} ms`));
  }

  /** Makes an error for the caller, who is to send the part again: there is no second attempt here. */
  #explain(error: unknown): unknown {
    if (error instanceof DroppedAttempt) {
      const { idleTimeoutMs } = this.#policy;
      const message = `${this.#what} is too large to be kept and nothing of it came for ${idleTimeoutMs} ms, longer than storage is sure to wait; send it again`;
      return new DomainError("aborted", message, { reason: "STALLED", details: { idle_timeout_ms: idleTimeoutMs } });
    }
    if (toS3Failure(error) === "bad-digest") {
      // The checksum is of the bytes as they came, and was compared with those of the caller: they were changed on the way to S3.
      const message = `${this.#what}: storage saw other bytes than were sent to it; send the part again`;
      const options = { reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000, cause: error } as const;
      return new DomainError("unavailable", message, options);
    }
    return toDomainError(error, this.#what);
  }
}
