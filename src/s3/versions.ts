import { DeleteObjectCommand, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import type { ObjectVersion } from "../domain/object-store.ts";
import { request, type S3Access } from "./access.ts";
import { type PageMarkers, parseMarkers, toNextPage } from "./page-markers.ts";

/** ObjectStore.listVersions */
export async function listVersions(
  access: S3Access,
  bucket: string,
  options: { keyPrefix: string; after?: string | undefined; pageMax: number },
): Promise<{ versions: ObjectVersion[]; next: string | undefined }> {
  const { keyPrefix, after, pageMax } = options;
  const [keyMarker, idMarker] = parseMarkers(after);
  const command = new ListObjectVersionsCommand({
    Bucket: bucket,
    Prefix: keyPrefix,
    MaxKeys: pageMax,
    KeyMarker: keyMarker,
    VersionIdMarker: idMarker,
  });
  const page = await request(access, {
    operation: "control",
    what: "listing versions",
    send: () => access.client.send(command),
  });
  const versions = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key = "", VersionId }) => ({
    key: Key,
    versionId: VersionId ?? "null",
  }));
  const next: PageMarkers | undefined =
    page.IsTruncated === true ? [page.NextKeyMarker, page.NextVersionIdMarker] : undefined;
  return { versions, next: toNextPage(next, after) };
}

/** Deletes one version for good; "null" is that which was stored while the bucket kept none. None there is fine. */
export async function deleteVersion(access: S3Access, bucket: string, version: ObjectVersion): Promise<void> {
  const command = new DeleteObjectCommand({ Bucket: bucket, Key: version.key, VersionId: version.versionId });
  await request(access, { operation: "control", what: "deleting bytes", send: () => access.client.send(command) });
}

/** ObjectStore.deleteVersions */
export async function deleteVersions(access: S3Access, bucket: string, key: string): Promise<void> {
  let after: string | undefined;
  do {
    const page = await listVersions(access, bucket, { keyPrefix: key, after, pageMax: 1000 });
    // A key comes before all that begin like it.
    const versions = page.versions.filter((version) => version.key === key);
    for (const version of versions) await deleteVersion(access, bucket, version);
    after = versions.length === page.versions.length ? page.next : undefined;
  } while (after !== undefined);
}
