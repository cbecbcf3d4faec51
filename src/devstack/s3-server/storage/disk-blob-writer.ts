import type { FileHandle } from "node:fs/promises";
import { noteWhole } from "../../../domain/memory/buffer-accounts.ts";
import { HeldBytes } from "../../../domain/memory/held-bytes.ts";
import type { BlobWriter, Segment } from "./blobs.ts";

/** Slices are gathered to this before they are written, so that a write call costs little per byte. */
const WRITE_BATCH_BYTES = 1024 * 1024;
/** Above this the sender waits. At most this much again is in the write call under way. */
const QUEUE_MAX_BYTES = 4 * 1024 * 1024;

/** The methods of a file handle that the writer needs. */
export type AppendableFile = Pick<FileHandle, "writev" | "close">;

/**
 * Appends slices to a file in batches, one `writev` at a time, without copying them.
 * `forget` removes the file's entry from the store when the writer gives up.
 */
export class DiskBlobWriter implements BlobWriter {
  readonly #blobId: string;
  readonly #file: AppendableFile;
  readonly #forget: () => void;
  #queue = new HeldBytes();
  #sizeBytes = 0;
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;
  #waiting = false;
  #resume: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(blobId: string, file: AppendableFile, forget: () => void) {
    this.#blobId = blobId;
    this.#file = file;
    this.#forget = forget;
  }

  attach(resume: () => void, fail: (error: Error) => void): void {
    this.#resume = resume;
    this.#fail = fail;
  }

  write(slice: Buffer): boolean {
    noteWhole(slice);
    this.#queue.add(slice);
    this.#sizeBytes += slice.length;
    if (this.#queue.lengthBytes >= WRITE_BATCH_BYTES) this.#writing ??= this.#writeBatches();
    this.#waiting = this.#queue.lengthBytes >= QUEUE_MAX_BYTES;
    return !this.#waiting;
  }

  async finish(): Promise<Segment> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#writeQueue();
    await this.#file.close();
    return { blobId: this.#blobId, offsetBytes: 0, sizeBytes: this.#sizeBytes };
  }

  async discard(): Promise<void> {
    await this.#writing;
    // A second close rejects after a failed finish; there is nothing left to lose by then.
    await this.#file.close().catch(() => undefined);
    this.#forget();
  }

  async #writeBatches(): Promise<void> {
    try {
      while (this.#queue.lengthBytes >= WRITE_BATCH_BYTES) {
        await this.#writeQueue();
        if (this.#waiting) {
          this.#waiting = false;
          this.#resume();
        }
      }
    } catch (error) {
      this.#failure = error as Error;
      this.#fail(this.#failure);
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeQueue(): Promise<void> {
    const batch = this.#queue;
    this.#queue = new HeldBytes();
    for (let rest = batch.pieces; rest.length > 0; ) {
      const { bytesWritten } = await this.#file.writev(rest);
      rest = dropBytes(rest, bytesWritten);
    }
    batch.giveBack();
  }
}

/** The bytes that a short write (a full disk, a signal) has left over. */
function dropBytes(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let remaining = bytes;
  for (const [index, buffer] of buffers.entries()) {
    if (remaining < buffer.length) return [buffer.subarray(remaining), ...buffers.slice(index + 1)];
    remaining -= buffer.length;
  }
  return [];
}
