import { crc32 } from "node:zlib";
import { DomainError } from "../../domain/errors.ts";
import { HeldBytes } from "../../domain/memory/held-bytes.ts";
import type { BodyAck, OneShotBodyInFlight, OnLeft } from "../../domain/object-store.ts";
import type { StoreFault } from "./store-faults.ts";

/** How a fake store takes a body. */
export interface FakeBodyOptions {
  what: string;
  /** Gives the attempt its key. */
  beginAttempt: () => Promise<string>;
  takeFault: (key: string) => StoreFault | undefined;
  /** Keeps the bytes, which are the store's own; returns their ETag. */
  store: (key: string, bytes: Buffer) => string;
  /** Makes it a one-shot body: bytes leave at once, but for one that hangs, and it is tried once. */
  onLeft?: OnLeft;
}

/** A body in flight to a fake store: attempts begin at once and end when the body is whole, as with S3. */
export class FakeBody implements OneShotBodyInFlight {
  readonly done: Promise<BodyAck>;
  readonly #lengthBytes: number;
  readonly #options: FakeBodyOptions;
  readonly #aborted = new AbortController();
  readonly #whole = Promise.withResolvers<number>();
  #kept = new HeldBytes();
  #isEnded = false;
  #isDone = false;
  /** Of a one-shot body: whether its bytes leave, and how many pieces have. */
  #isTaken = false;
  #leftPieces = 0;

  constructor(lengthBytes: number, options: FakeBodyOptions) {
    this.#lengthBytes = lengthBytes;
    this.#options = options;
    this.#aborted.signal.addEventListener("abort", () => this.#whole.reject(this.#aborted.signal.reason));
    this.#whole.promise.catch(() => {});
    this.done = this.#run();
    this.done.catch(() => {});
  }

  get kept(): HeldBytes {
    return this.#options.onLeft === undefined || this.#isDone ? this.#kept : new HeldBytes();
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnded || this.#kept.lengthBytes + bytes.length > this.#lengthBytes) {
      throw new Error(`${this.#options.what}: ${bytes.length} bytes past the announced ${this.#lengthBytes}`);
    }
    this.#kept.add(bytes);
    if (this.#isTaken) queueMicrotask(() => this.#leave());
  }

  flush(): void {}

  end(crc: number): void {
    const { onLeft, what } = this.#options;
    if (onLeft !== undefined && this.#kept.lengthBytes < this.#lengthBytes) {
      throw new Error(`${what} ends after ${this.#kept.lengthBytes} of the announced ${this.#lengthBytes} bytes`);
    }
    this.#isEnded = true;
    this.#whole.resolve(crc);
  }

  abort(reason: Error): void {
    this.#aborted.abort(reason);
  }

  async #run(): Promise<BodyAck> {
    await undefined;
    for (let attempts = 1; ; attempts++) {
      const ack = await this.#attemptOnce();
      if (ack === undefined) continue;
      if (attempts > 1) this.#kept = new HeldBytes();
      this.#isDone = true;
      return ack;
    }
  }

  /** Undefined when the attempt failed in a way that is tried again. */
  async #attemptOnce(): Promise<BodyAck | undefined> {
    const { signal } = this.#aborted;
    signal.throwIfAborted();
    const key = await this.#options.beginAttempt();
    const fault = this.#options.takeFault(key);
    if (fault?.kind === "fail") throw fault.error;
    if (fault?.kind === "hang") await fault.released(signal);
    this.#isTaken = true;
    this.#leave();
    const crc = await this.#whole.promise;
    signal.throwIfAborted();
    const { onLeft, what } = this.#options;
    if (fault?.kind === "retry" && onLeft === undefined) return undefined;
    const bytes = Buffer.concat(this.#kept.pieces);
    if (onLeft !== undefined && (fault?.kind === "retry" || crc32(bytes) !== crc)) {
      throw new DomainError("unavailable", `${what}: storage does not have it; send the part again`, {
        reason: "STORAGE_UNAVAILABLE",
        retryAfterMs: 1000,
      });
    }
    if (crc32(bytes) !== crc) {
      throw new DomainError("aborted", `${what}: the bytes do not match their CRC32; send them again`, {
        reason: "CHECKSUM_MISMATCH",
      });
    }
    const etag = this.#options.store(key, bytes);
    if (fault?.kind === "lost-answer") throw fault.error;
    return { key, etag: fault?.kind === "wrong-etag" ? "0".repeat(32) : etag, versionId: "" };
  }

  #leave(): void {
    const { onLeft } = this.#options;
    if (onLeft === undefined || this.#leftPieces === this.#kept.pieces.length || this.#aborted.signal.aborted) return;
    this.#leftPieces = this.#kept.pieces.length;
    onLeft(this.#kept.lengthBytes);
  }
}
