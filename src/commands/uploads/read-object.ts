import { DomainError } from "../../domain/errors.ts";
import type { ObjectStore } from "../../domain/object-store.ts";

/** Streams in a row that may break off without a byte. */
const EMPTY_STREAMS_MAX = 4;

/**
 * Yields all bytes of an object in order. A stream that S3 cuts is opened again where it broke off; `unavailable /
 * STORAGE_UNAVAILABLE` when that brings no bytes. Other errors are those of `ObjectStore.read`.
 */
export async function* readObject(
  objects: Pick<ObjectStore, "read">,
  object: { bucket: string; key: string; versionId: string; sizeBytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { bucket, key, versionId, sizeBytes } = object;
  let offset = 0;
  for (let empty = 0; offset < sizeBytes; ) {
    const begunAt = offset;
    const range = { offset, sizeBytes: sizeBytes - offset };
    let cause: unknown;
    try {
      for await (const bytes of await objects.read(bucket, key, { versionId, range })) {
        offset += (bytes as Uint8Array).length;
        yield bytes as Uint8Array;
      }
    } catch (error) {
      if (error instanceof DomainError) throw error;
      cause = error;
    }
    empty = offset > begunAt ? 0 : empty + 1;
    if (empty > EMPTY_STREAMS_MAX) throw toBroken(sizeBytes - offset, cause);
  }
}

function toBroken(missingBytes: number, cause: unknown): DomainError {
  const message = `storage breaks off ${missingBytes} bytes before the end of an object that is read back`;
  return new DomainError("unavailable", message, { reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000, cause });
}
