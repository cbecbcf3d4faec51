import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore, BlobWriter, Segment } from "./blobs.ts";
import { DiskBlobWriter } from "./disk-blob-writer.ts";

const READ_BYTES = 512 * 1024;

/** Blobs as files named by random ids, one file each: nothing a client says becomes part of a file name. */
export async function openDiskBlobs(directory: string): Promise<BlobStore> {
  await mkdir(directory, { recursive: true });
  return new DiskBlobs(directory);
}

class DiskBlobs implements BlobStore {
  readonly #directory: string;
  readonly #references = new Map<string, number>();
  readonly #removals = new Set<Promise<void>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async create(): Promise<BlobWriter> {
    const blobId = randomUUID();
    const file = await open(join(this.#directory, blobId), "wx");
    this.#references.set(blobId, 1);
    return new DiskBlobWriter(blobId, file, () => this.#remove(blobId));
  }

  retain(segments: readonly Segment[]): void {
    for (const { blobId } of segments) this.#references.set(blobId, (this.#references.get(blobId) ?? 0) + 1);
  }

  release(segments: readonly Segment[]): void {
    for (const { blobId } of segments) {
      const references = (this.#references.get(blobId) ?? 0) - 1;
      if (references > 0) this.#references.set(blobId, references);
      else this.#remove(blobId);
    }
  }

  #remove(blobId: string): void {
    this.#references.delete(blobId);
    const removal = rm(join(this.#directory, blobId), { force: true }).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async *read(segments: readonly Segment[], offset: number, length: number): AsyncGenerator<Buffer> {
    let skip = offset;
    let remaining = length;
    for (const segment of segments) {
      if (remaining === 0) return;
      const size = Math.min(segment.sizeBytes - skip, remaining);
      if (size > 0) yield* this.#readFile(segment, skip, size);
      remaining -= Math.max(size, 0);
      skip = Math.max(0, skip - segment.sizeBytes);
    }
  }

  async *#readFile(segment: Segment, skip: number, length: number): AsyncGenerator<Buffer> {
    await using handle = await open(join(this.#directory, segment.blobId), "r");
    for (let done = 0; done < length; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - done));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, segment.offsetBytes + skip + done);
      if (bytesRead === 0) throw new Error(`blob ${segment.blobId} is shorter than its record says`);
      done += bytesRead;
      yield bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead);
    }
  }

  async removeUnreferenced(): Promise<void> {
    for (const blobId of await readdir(this.#directory)) {
      if (!this.#references.has(blobId)) this.#remove(blobId);
    }
    await this.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.#removals);
  }
}
