import { giveBack, noteWhole } from "../../../domain/memory/buffer-accounts.ts";
import { S3Error } from "../protocol/s3-error.ts";
import type { BlobStore, BlobWriter, Segment } from "./blobs.ts";

/**
 * Counts bytes and keeps none: the other side of a load test, as cheap as it can be for each byte. Everything but
 * reading works, since sizes and declared checksums are all that the rules of S3 look at.
 */
export function createDiscardingBlobs(): BlobStore {
  return {
    create: async () => new DiscardingWriter(),
    retain: () => undefined,
    release: () => undefined,
    read: (_segments: readonly Segment[]): AsyncGenerator<Buffer> => {
      throw new S3Error("NotImplemented", "this development server was started in discard mode and kept no bytes");
    },
    removeUnreferenced: async () => undefined,
    close: async () => undefined,
  };
}

class DiscardingWriter implements BlobWriter {
  #sizeBytes = 0;

  attach(): void {}

  write(slice: Buffer): boolean {
    this.#sizeBytes += slice.length;
    noteWhole(slice);
    giveBack(slice);
    return true;
  }

  async finish(): Promise<Segment> {
    return { blobId: "discarded", offsetBytes: 0, sizeBytes: this.#sizeBytes };
  }

  async discard(): Promise<void> {}
}
