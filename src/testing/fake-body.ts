import { crc32 } from "node:zlib";
import { DomainError } from "../domain/errors.ts";
import type { BodyAck, BodyInFlight } from "../domain/object-store.ts";
import type { StoreFault } from "./store-faults.ts";

/** How a fake store takes a body. */
export interface FakeBodyOptions {
  what: string;
  /** Gives the attempt its key. */
  beginAttempt: () => Promise<string>;
  takeFault: (key: string) => StoreFault | undefined;
  /** Keeps the bytes, which are the store's own; returns their ETag. */
  store: (key: string, bytes: Buffer) => string;
}

/** A body in flight to a fake store: attempts begin at once and end when the body is whole, as with S3. */
export class FakeBody implements BodyInFlight {
  readonly done: Promise<BodyAck>;
  readonly #lengthBytes: number;
  readonly #options: FakeBodyOptions;
  readonly #aborted = new AbortController();
  readonly #whole = Promise.withResolvers<number>();
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #isEnded = false;

  constructor(lengthBytes: number, options: FakeBodyOptions) {
    this.#lengthBytes = lengthBytes;
    this.#options = options;
    this.#aborted.signal.addEventListener("abort", () => this.#whole.reject(this.#aborted.signal.reason));
    this.#whole.promise.catch(() => {});
    this.done = this.#run();
    this.done.catch(() => {});
  }

  get kept(): readonly Uint8Array[] {
    return this.#kept;
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnded || this.#keptBytes + bytes.length > this.#lengthBytes) {
      throw new Error(`${this.#options.what}: ${bytes.length} bytes past the announced ${this.#lengthBytes}`);
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  end(crc: number): void {
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
      if (attempts > 1) this.#kept = [];
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
    const crc = await this.#whole.promise;
    signal.throwIfAborted();
    if (fault?.kind === "retry") return undefined;
    const bytes = Buffer.concat(this.#kept);
    if (crc32(bytes) !== crc) {
      throw new DomainError("aborted", `${this.#options.what}: the bytes do not match their CRC32; send them again`, {
        reason: "CHECKSUM_MISMATCH",
      });
    }
    const etag = this.#options.store(key, bytes);
    if (fault?.kind === "lost-answer") throw fault.error;
    return { key, etag: fault?.kind === "wrong-etag" ? "0".repeat(32) : etag, versionId: "" };
  }
}
