import { readObject } from "../commands/uploads/read-object.ts";
import { crc32 } from "../domain/crc32.ts";
import type { BodyInFlight, ObjectStore } from "../domain/object-store.ts";

/** Where spilled bytes go. */
export interface SpillTarget {
  bucket: string;
  /** A fresh key for each object, which a row owns already: what a crash leaves is cleaned up with the upload. */
  beginAttempt: () => Promise<string>;
  /** Of the upload: requests that wait for their turn take it by principals. */
  principal: string;
}

/**
 * The bytes of a part that were spilled: one object in S3 for each spill, until the part is whole and there is memory for all
 * of it. Spilled bytes are not durable, because only this process knows where they are. The objects are deleted by the
 * upload's clean-up, and not here, because the clean-up has to look for objects that a crash leaves anyway.
 */
export class SpilledBytes {
  readonly #objects: ObjectStore;
  readonly #target: SpillTarget;
  readonly #pieces: { key: string; versionId: string; sizeBytes: number }[] = [];
  #body: BodyInFlight | undefined;
  #lengthBytes = 0;

  constructor(objects: ObjectStore, target: SpillTarget) {
    this.#objects = objects;
    this.#target = target;
  }

  /** Bytes that S3 has acknowledged. */
  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** Spills these bytes, behind those before; resolves when S3 has them. One call at a time. Rejects as BodyInFlight does. */
  async add(bytes: readonly Uint8Array[]): Promise<void> {
    const lengthBytes = bytes.reduce((sum, one) => sum + one.length, 0);
    const target = { ...this.#target, contentType: "application/octet-stream" };
    const body = this.#objects.beginPut(target, lengthBytes);
    this.#body = body;
    let crc = 0;
    for (const one of bytes) {
      crc = crc32(one, crc);
      body.write(one);
    }
    body.end(crc);
    const { key, versionId } = await body.done;
    this.#pieces.push({ key, versionId, sizeBytes: lengthBytes });
    this.#lengthBytes += lengthBytes;
  }

  /** Gives up what is being added. */
  abort(reason: Error): void {
    this.#body?.abort(reason);
  }

  /** Reads all spilled bytes in their order. Rejects as `readObject` does. */
  async read(onBytes: (bytes: Uint8Array) => void): Promise<void> {
    const { bucket } = this.#target;
    for (const piece of this.#pieces) {
      for await (const bytes of readObject(this.#objects, { bucket, ...piece })) onBytes(bytes);
    }
  }
}
