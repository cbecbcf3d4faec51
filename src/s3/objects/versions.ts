import { DeleteObjectCommand, HeadObjectCommand, ListObjectVersionsCommand } from "@aws-sdk/client-s3";
import { compareBytes } from "../../domain/access/path-scope.ts";
import type { ObjectVersion } from "../../domain/object-store.ts";
import { request, type S3Access } from "../access.ts";
import { toS3Answer, toS3Failure } from "../errors.ts";
import { type PageMarkers, parseMarkers, toNextPage } from "./page-markers.ts";

/** Implements ObjectStore.listVersions. */
export async function listVersions(
  access: S3Access,
  bucket: string,
  options: { keyPrefix: string; after?: string | undefined; afterKey?: string | undefined; pageMax: number },
): Promise<{ versions: ObjectVersion[]; next: string | undefined }> {
  const { keyPrefix, after, afterKey, pageMax } = options;
  const [keyMarker = afterKey, idMarker] = parseMarkers(after);
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
  const marks = (page.DeleteMarkers ?? []).map((mark) => ({ ...mark, Size: 0, isDeleteMarker: true }));
  const versions = [...(page.Versions ?? []).map((version) => ({ ...version, isDeleteMarker: false })), ...marks]
    .map(({ Key = "", VersionId = "null", Size = 0, LastModified = new Date(0), isDeleteMarker }) => ({
      key: Key,
      versionId: VersionId,
      sizeBytes: Size,
      lastModified: LastModified,
      isDeleteMarker,
    }))
    // versitygw begins with the key itself.
    .filter(({ key }) => afterKey === undefined || compareBytes(key, afterKey) > 0)
    // A page tells its marks behind its versions.
    .sort((a, b) => compareBytes(a.key, b.key));
  const next: PageMarkers | undefined =
    page.IsTruncated === true ? [page.NextKeyMarker, page.NextVersionIdMarker] : undefined;
  return { versions, next: toNextPage(next, after) };
}

/**
 * Implements ObjectStore.delete. "null" is the version that was stored while the bucket kept none. Some servers fail on a
 * version that does not exist, or refuse to delete it: they are asked whether it exists. If it does not, it is deleted, and
 * the server is not in trouble.
 */
export async function deleteObject(
  access: S3Access,
  bucket: string,
  { key, versionId }: { key: string; versionId?: string | undefined },
): Promise<void> {
  const named = { Bucket: bucket, Key: key, VersionId: versionId || undefined };
  const send = async () => {
    try {
      await access.client.send(new DeleteObjectCommand(named));
    } catch (error) {
      const isRefusedVersion = named.VersionId !== undefined && toS3Answer(error) !== undefined;
      if (!isRefusedVersion || !(await isGone())) throw error;
    }
  };
  const isGone = () =>
    access.client.send(new HeadObjectCommand(named)).then(
      () => false,
      (error: unknown) => toS3Failure(error) === "not-found",
    );
  await request(access, { operation: "control", what: "deleting bytes", send });
}

/** Implements ObjectStore.deleteVersions. */
export async function deleteVersions(access: S3Access, bucket: string, key: string): Promise<void> {
  let after: string | undefined;
  do {
    const page = await listVersions(access, bucket, { keyPrefix: key, after, pageMax: 1000 });
    // A key comes before all keys that begin with it.
    const versions = page.versions.filter((version) => version.key === key);
    for (const version of versions) await deleteObject(access, bucket, version);
    after = versions.length === page.versions.length ? page.next : undefined;
  } while (after !== undefined);
}
