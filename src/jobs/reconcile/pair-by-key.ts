import { compareBytes } from "../../domain/access/path-scope.ts";
import type { FileObject, FileRepository } from "../../domain/files/file-repository.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore, ObjectVersion } from "../../domain/object-store.ts";

/** Rows and listed versions that are read at once, S3's own page. */
const PAGE_MAX = 1000;

/** Where storage and the rows are read, and how. */
export interface PairingAccess {
  objects: Pick<ObjectStore, "listVersions">;
  files: Pick<FileRepository, "listObjects">;
}

/** All that is known of a key. */
export interface KeyPair {
  key: string;
  /** Its row; undefined where no file has the key. */
  file: FileObject | undefined;
  /** What storage lists of it, marks of deletion too, the newest first; none where storage has nothing. */
  versions: readonly ObjectVersion[];
}

/**
 * All keys that storage lists or rows have under a namespace's key prefix, behind the key `after` ("" for the beginning), in their order:
 * two sorted lists that are read side by side, a page of each in memory. What changes meanwhile may be seen on one side alone. Rejects
 * when a page cannot be read.
 */
export async function* pairByKey(
  access: PairingAccess,
  { bucket, keyPrefix }: Pick<Namespace, "bucket" | "keyPrefix">,
  after: string,
): AsyncGenerator<KeyPair> {
  const place = { bucket, keyPrefix, after };
  const listed = listVersionsByKey(access.objects, place);
  const recorded = listRows(access.files, place);
  let [versions, row] = await Promise.all([listed.next(), recorded.next()]);
  while (!versions.done || !row.done) {
    const order = versions.done ? 1 : row.done ? -1 : compareBytes(keyOf(versions.value), row.value.s3Key);
    const found = versions.done || order > 0 ? [] : versions.value;
    const file = row.done || order < 0 ? undefined : row.value;
    yield { key: file?.s3Key ?? keyOf(found), file, versions: found };
    if (found.length > 0) versions = await listed.next();
    if (file !== undefined) row = await recorded.next();
  }
}

interface Place {
  bucket: string;
  keyPrefix: string;
  after: string;
}

/** The versions of each key. Some servers list versions twice, on two pages: those are passed over. */
async function* listVersionsByKey(
  objects: PairingAccess["objects"],
  { bucket, keyPrefix, after: begin }: Place,
): AsyncGenerator<ObjectVersion[]> {
  let versions: ObjectVersion[] = [];
  let behind = begin;
  let after: string | undefined;
  do {
    const afterKey = begin === "" ? undefined : begin;
    const page = await objects.listVersions(bucket, { keyPrefix, after, afterKey, pageMax: PAGE_MAX });
    for (const version of page.versions) {
      if (versions.length > 0 && compareBytes(version.key, keyOf(versions)) > 0) {
        yield versions;
        behind = keyOf(versions);
        versions = [];
      }
      const isNew = versions.every(({ versionId }) => versionId !== version.versionId);
      if (isNew && compareBytes(version.key, behind) > 0) versions.push(version);
    }
    after = page.next;
  } while (after !== undefined);
  if (versions.length > 0) yield versions;
}

async function* listRows(files: PairingAccess["files"], place: Place): AsyncGenerator<FileObject> {
  let { after } = place;
  for (;;) {
    const page = await files.listObjects(place.bucket, { keyPrefix: place.keyPrefix, after, limit: PAGE_MAX });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_MAX) return;
    after = last.s3Key;
  }
}

function keyOf(versions: readonly ObjectVersion[]): string {
  return versions[0]?.key ?? "";
}
