import { createHash } from "node:crypto";
import type { ObjectStore } from "../domain/object-store.ts";
import type { AssembledObject } from "../domain/upload.ts";

/** SHA-256 of an object, by reading it back: for bytes that no single stream saw whole. Rejects as `ObjectStore.read`. */
export async function readSha256(
  objects: ObjectStore,
  bucket: string,
  object: Pick<AssembledObject, "key" | "versionId">,
): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for await (const bytes of await objects.read(bucket, object.key, { versionId: object.versionId })) {
    hash.update(bytes as Uint8Array);
  }
  return hash.digest();
}
