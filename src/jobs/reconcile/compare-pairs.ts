import { compareBytes } from "../../domain/access/path-scope.ts";
import { parseExportKey } from "../../domain/exported-object.ts";
import type { FileObject } from "../../domain/files/file-repository.ts";
import type { ObjectVersion } from "../../domain/object-store.ts";
import type { Difference, ReconcileAccess, ReconcileOptions } from "./difference.ts";
import type { KeyPair } from "./pair-by-key.ts";

/** Objects that storage is asked for at once. */
const HEADS_IN_FLIGHT_MAX = 16;

/** A key at which the lists differ, or may: a version without a row, or a row whose object is to be looked at. */
export type Suspect = { key: string } & ({ version: ObjectVersion } | { file: FileObject });

/** What differs at a key by the two lists alone. With checksums the object of every row is to be looked at. */
export function suspectDifferences(
  { key, file, versions }: KeyPair,
  { namespace, checksums }: Pick<ReconcileOptions, "namespace" | "checksums">,
): Suspect[] {
  // No row has an export: its key says until when it is kept.
  if (parseExportKey(namespace, key) !== undefined) return [];
  const stored = versions.filter(({ isDeleteMarker }) => !isDeleteMarker);
  const own = file && stored.find(({ versionId }) => isVersionOf(file, versionId));
  const others: Suspect[] = stored.filter((version) => version !== own).map((version) => ({ key, version }));
  // While bytes are being removed they may be there or not.
  if (file === undefined || file.purgeState === "purging") return others;
  const isAsRecorded = file.purgeState === "purged" ? own === undefined : own?.sizeBytes === file.sizeBytes;
  const isLookedAt = !isAsRecorded || (checksums && file.purgeState === undefined);
  return isLookedAt ? [...others, { key, file }] : others;
}

/** Without a version of its own a row means what its key has: keys are never reused. */
function isVersionOf({ s3VersionId }: FileObject, versionId: string): boolean {
  return s3VersionId === "" ? versionId === "null" : versionId === s3VersionId;
}

/** The differences that are there at a second look, in the order of keys. */
export async function confirmDifferences(
  access: Pick<ReconcileAccess, "objects" | "files" | "orphans" | "now">,
  suspects: readonly Suspect[],
  options: ReconcileOptions,
): Promise<Difference[]> {
  const { bucket } = options.namespace;
  if (suspects.length === 0) return [];
  const keys = [...new Set(suspects.map(({ key }) => key))];
  const files = new Map((await access.files.findObjects(bucket, keys)).map((file) => [file.s3Key, file]));
  const orphans = await confirmOrphans(access, suspects, { ...options, files });
  const confirmed: Difference[] = [...orphans];
  const looked = suspects.flatMap((suspect) => ("file" in suspect ? [suspect.file] : []));
  for (let at = 0; at < looked.length; at += HEADS_IN_FLIGHT_MAX) {
    const some = looked.slice(at, at + HEADS_IN_FLIGHT_MAX);
    const differences = await Promise.all(
      some.map(async (listed) => {
        const file = files.get(listed.s3Key);
        const isSame = file?.fileId === listed.fileId && file.purgeState === listed.purgeState;
        return file !== undefined && isSame ? await confirmFile(access, file, options) : undefined;
      }),
    );
    confirmed.push(...differences.filter((difference) => difference !== undefined));
  }
  return confirmed.sort((a, b) => compareBytes(a.key, b.key));
}

/** Versions without a row that are old enough, by the row of their upload or else by storage. */
async function confirmOrphans(
  { orphans, now }: Pick<ReconcileAccess, "orphans" | "now">,
  suspects: readonly Suspect[],
  { namespace, olderThanMs, files }: ReconcileOptions & { files: ReadonlyMap<string, FileObject> },
): Promise<Difference[]> {
  const versions = suspects.flatMap((suspect) => ("version" in suspect ? [suspect.version] : []));
  const verdicts = await orphans.judgeKeys(
    namespace.bucket,
    versions.map(({ key }) => key),
    { namespace: namespace.name, olderThanMs },
  );
  const youngest = now().getTime() - olderThanMs;
  return versions.flatMap((version, index): Difference[] => {
    const { key, versionId, sizeBytes, lastModified } = version;
    const file = files.get(key);
    // Bytes under the key of a file that are not the file's: no service of ours has written them.
    const isForeign = file === undefined ? verdicts[index] === "foreign" : !isVersionOf(file, versionId);
    const isDead = file === undefined && verdicts[index] === "dead";
    if (!isDead && !(isForeign && lastModified.getTime() <= youngest)) return [];
    const place = { namespace: namespace.name, bucket: namespace.bucket, key, versionId };
    const stored = { sizeBytes, lastModified };
    return [{ kind: "object-without-row", ...place, file: undefined, stored, repair: isDead ? "possible" : "none" }];
  });
}

/** How the object of a row differs from it, if it does; storage is asked for the version that the row names. */
async function confirmFile(
  { objects }: Pick<ReconcileAccess, "objects">,
  row: FileObject,
  { namespace, checksums }: ReconcileOptions,
): Promise<Difference | undefined> {
  const { fileId, path, generation, s3Key: key, s3VersionId: versionId, s3Etag, sizeBytes, crc32 } = row;
  const head = await objects.head(namespace.bucket, key, { versionId });
  const of = { namespace: row.namespace, bucket: namespace.bucket, key, versionId };
  const file = { fileId, path, generation, sizeBytes, crc32 };
  if (row.purgeState !== undefined) {
    if (head === undefined) return undefined;
    return { kind: "bytes-of-purged", ...of, file, stored: { sizeBytes: head.sizeBytes }, repair: "possible" };
  }
  if (head === undefined) return { kind: "row-without-object", ...of, file, stored: undefined, repair: "none" };
  const stored = { sizeBytes: head.sizeBytes, ...(head.crc32 !== undefined && { crc32: head.crc32 }) };
  if (head.sizeBytes !== sizeBytes) return { kind: "size-differs", ...of, file, stored, repair: "none" };
  // An object that was not written by the service, and any of some servers, has no CRC32.
  const isSame = head.crc32 === undefined ? head.etag === s3Etag : head.crc32 === crc32;
  if (!checksums || isSame) return undefined;
  return { kind: "checksum-differs", ...of, file, stored, repair: "none" };
}
