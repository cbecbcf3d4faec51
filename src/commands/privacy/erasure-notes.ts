import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { crc32 } from "../../domain/crc32.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { type ErasureNote, toErasurePrefix } from "../../domain/privacy/erasure.ts";

/** Notes that one page of S3's listing has at most. */
const PAGE_MAX = 1000;

type Place = Pick<Namespace, "bucket" | "keyPrefix">;

/** Writes a note; the key follows from what it says, so that a repeated step writes the same object. */
export async function writeNote(
  objects: Pick<ObjectStore, "beginPut">,
  place: Place,
  note: ErasureNote,
): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(note));
  const name = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
  const key = `${toErasurePrefix(place)}${note.erasureId}/${name}.json`;
  const beginAttempt = async () => key;
  const body = objects.beginPut({ bucket: place.bucket, beginAttempt, contentType: "application/json" }, bytes.length);
  body.write(bytes);
  body.end(crc32(bytes));
  await body.done;
}

/** The keys of all notes of a namespace by the ids of their erasures, erasure by erasure. */
export async function* listNotes(
  objects: Pick<ObjectStore, "listVersions">,
  place: Place,
): AsyncGenerator<{ erasureId: string; keys: string[] }> {
  const keyPrefix = toErasurePrefix(place);
  let erasureId = "";
  let keys: string[] = [];
  let after: string | undefined;
  do {
    const page = await objects.listVersions(place.bucket, { keyPrefix, after, pageMax: PAGE_MAX });
    for (const { key, isDeleteMarker } of page.versions) {
      const [id = ""] = key.slice(keyPrefix.length).split("/");
      if (id !== erasureId && keys.length > 0) {
        yield { erasureId, keys };
        keys = [];
      }
      erasureId = id;
      if (!isDeleteMarker && keys.at(-1) !== key) keys.push(key);
    }
    after = page.next;
  } while (after !== undefined);
  if (keys.length > 0) yield { erasureId, keys };
}

/** Reads a note. */
export async function readNote(objects: Pick<ObjectStore, "read">, bucket: string, key: string): Promise<ErasureNote> {
  return JSON.parse((await buffer(await objects.read(bucket, key, {}))).toString()) as ErasureNote;
}
