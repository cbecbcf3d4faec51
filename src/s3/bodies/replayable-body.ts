import { crc32 } from "../../domain/crc32.ts";
import { DomainError } from "../../domain/errors.ts";
import { type BackoffPolicy, toBackoffDelayMs } from "../../domain/limits/backoff.ts";
import type { RetryBudget } from "../../domain/limits/retry-budget.ts";
import { HeldBytes } from "../../domain/memory/held-bytes.ts";
import type { BodyAck, BodyInFlight } from "../../domain/object-store.ts";
import { toDomainError, toS3Failure } from "../errors.ts";
import { countRetry } from "../requests/request-span.ts";
import { mayTryAgain } from "../requests/retries.ts";
import { type AttemptPolicy, BodyAttempt, type BodyDelivery, DroppedAttempt } from "./body-attempt.ts";

/**
 * How a replayable body behaves. Its request begins once there are as many bytes as are written at once, `layout.corkBytes`: a
 * slow caller occupies no connection before. A body whose caller falls silent is sent once it is whole.
 */
export interface BodyPolicy extends AttemptPolicy {
  retry: BackoffPolicy;
}

/** The same, with what bodies share. */
export interface ReplayableBodyPolicy extends BodyPolicy {
  /** The retries that all requests of the region share. */
  retries: RetryBudget;
}

/**
 * A body that is sent while it arrives and kept until S3 acknowledges it.
 *
 * Failure order: the attempt settles, the wait passes, the next attempt begins with the bytes kept so far and goes on
 * with those that arrive. `done` settles only when no attempt is in flight. Memory: references to the caller's buffers, of
 * the announced length at most, until S3 has acknowledged them.
 */
export class ReplayableBody implements BodyInFlight {
  readonly done: Promise<BodyAck>;
  readonly #delivery: BodyDelivery;
  readonly #policy: ReplayableBodyPolicy;
  #lengthBytes: number;
  #kept = new HeldBytes();
  #crc32: number | undefined;
  #wholeAt: number | undefined;
  #abortReason: Error | undefined;
  #attempt: BodyAttempt | undefined;
  #wake: (() => void) | undefined;
  /** How many bytes are waited for. */
  #awaitedBytes = Number.POSITIVE_INFINITY;

  constructor(lengthBytes: number, { policy, ...delivery }: BodyDelivery & { policy: ReplayableBodyPolicy }) {
    this.#lengthBytes = lengthBytes;
    this.#delivery = delivery;
    this.#policy = policy;
    this.done = this.#run();
    // A caller that aborts may never await `done`; an unhandled rejection must not end the process.
    this.done.catch(() => {});
  }

  get kept(): HeldBytes {
    return this.#kept;
  }

  write(bytes: Uint8Array): void {
    if (this.#kept.lengthBytes + bytes.length > this.#lengthBytes || this.#crc32 !== undefined) {
      throw new Error(`${this.#delivery.what}: ${bytes.length} bytes past the announced ${this.#lengthBytes}`);
    }
    this.#kept.add(bytes);
    this.#attempt?.body.write(bytes);
    if (this.#kept.lengthBytes >= this.#awaitedBytes) this.#wake?.();
  }

  end(crc: number): void {
    if (this.#crc32 !== undefined) return;
    this.#crc32 = crc;
    this.#wholeAt = performance.now();
    if (this.#kept.lengthBytes < this.#lengthBytes) {
      this.#lengthBytes = this.#kept.lengthBytes;
      this.#attempt?.abort(new DroppedAttempt("the body ended short"));
    } else this.#attempt?.end(crc);
    this.#wake?.();
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#attempt?.abort(new DroppedAttempt("given up"));
    this.#wake?.();
  }

  /** Makes attempts until S3 acknowledges one, or the retries run out. */
  async #run(): Promise<BodyAck> {
    // Lets the constructor finish, so that `write` right after it finds an attempt only when one is running.
    await undefined;
    let attempts = 0;
    let firstFailedAt = 0;
    const { form, corkBytes } = this.#policy.layout;
    this.#policy.retries.noteRequest();
    let isDeferred = form === "header";
    for (let failures = 0; ; ) {
      await this.#untilCame(isDeferred ? Number.POSITIVE_INFINITY : corkBytes);
      if (this.#abortReason !== undefined) throw this.#abortReason;
      attempts++;
      try {
        const { ack, hasLeft } = await this.#attemptOnce();
        // The queue of a socket may still refer to them: that of an attempt that was given up, or of an answer that came early.
        if (attempts > 1 || !hasLeft) this.#kept = new HeldBytes();
        return ack;
      } catch (error) {
        if (this.#abortReason !== undefined) throw this.#abortReason;
        const wrong = this.#isBadDigest(error) ? this.#findWrongBytes() : undefined;
        if (wrong !== undefined) throw wrong;
        if (error instanceof DroppedAttempt) {
          isDeferred = true;
          continue;
        }
        failures++;
        if (failures === 1) firstFailedAt = performance.now();
        const delayMs = toBackoffDelayMs(this.#policy.retry, failures);
        const isLast = failures >= this.#policy.retry.triesMax || this.#isTooLate(firstFailedAt, delayMs);
        const isAgain = !isLast && (this.#isBadDigest(error) || mayTryAgain(error, this.#policy.retries));
        if (!isAgain) throw toDomainError(error, this.#delivery.what);
        countRetry(error);
        await this.#sleep(delayMs);
      }
    }
  }

  async #attemptOnce(): Promise<{ ack: BodyAck; hasLeft: boolean }> {
    const { idleTimeoutMs } = this.#policy;
    const onIdle = () => attempt.abort(new DroppedAttempt(`the caller sent nothing for ${idleTimeoutMs} ms`));
    const attempt = new BodyAttempt(this.#lengthBytes, { policy: this.#policy, crc32: this.#crc32, onIdle });
    this.#attempt = attempt;
    for (const bytes of this.#kept.pieces) attempt.body.write(bytes);
    if (this.#crc32 !== undefined) attempt.end(this.#crc32);
    try {
      const ack = await attempt.send(this.#delivery);
      return { ack, hasLeft: attempt.body.hasLeft };
    } finally {
      this.#attempt = undefined;
    }
  }

  /**
   * Whether an attempt after `delayMs` would come too late. The time counts from the first failure, and only once the body is
   * whole: a caller who takes minutes to send a part does not use up its retries by that.
   */
  #isTooLate(firstFailedAt: number, delayMs: number): boolean {
    if (this.#wholeAt === undefined) return false;
    const since = Math.max(firstFailedAt, this.#wholeAt);
    return performance.now() + delayMs > since + this.#policy.retry.timeMaxMs;
  }

  #isBadDigest(error: unknown): boolean {
    return toS3Failure(error) === "bad-digest";
  }

  /** After BadDigest, the refusal of bytes that do not match their CRC32. Undefined when they match: then they were changed on their way to S3, and a retry mends it. */
  #findWrongBytes(): DomainError | undefined {
    const actual = this.#kept.pieces.reduce((crc, bytes) => crc32(bytes, crc), 0);
    if (actual === this.#crc32) return undefined;
    return new DomainError("aborted", `${this.#delivery.what}: the bytes do not match their CRC32; send them again`, {
      reason: "CHECKSUM_MISMATCH",
    });
  }

  /** Waits until so many bytes have come, or for `end` or `abort`. */
  async #untilCame(bytes: number): Promise<void> {
    this.#awaitedBytes = bytes;
    while (this.#kept.lengthBytes < bytes && this.#crc32 === undefined && this.#abortReason === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#awaitedBytes = Number.POSITIVE_INFINITY;
    this.#wake = undefined;
  }

  /** A wait that `abort` cuts short. `end` may too: then the retry merely comes early, once. */
  async #sleep(delayMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, delayMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}
