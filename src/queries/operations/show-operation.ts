import { isInScope, type PathScope } from "../../domain/access/path-scope.ts";
import type { Caller } from "../../domain/caller.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { BucketRegions } from "../../domain/residency.ts";

/** An operation as it is shown to a caller, with a URL of the object that it has made where they may read that. */
export type ShownOperation = Operation & { download?: SignedDownload };

/** A URL that gives the bytes of an object to whoever holds it. */
export interface SignedDownload {
  url: string;
  expireTime: Date;
}

/** What URLs of exported objects are signed with. */
export interface SigningAccess {
  /** Signs as callers may read. */
  downloads: Pick<ObjectStore, "presignDownload">;
  namespaces: Namespaces;
  regions: BucketRegions;
  /** The paths that the caller may audit now. */
  auditScope: (caller: Caller, namespace: string) => PathScope;
  /** The time by the clock of storage. */
  now: () => Date;
}

/**
 * The operation with a URL that was signed just now, where it has made an object that still exists, and the caller may now audit all
 * paths that the object may have entries of: the URL is not stored anywhere. Without one where the object lies in a region that the
 * namespace does not allow.
 */
export async function showOperation(
  access: SigningAccess,
  operation: Operation,
  { caller }: { caller: Caller },
): Promise<ShownOperation> {
  if (operation.kind !== "auditExport" || operation.response === undefined) return operation;
  const { response: exported } = operation;
  const namespace = requireNamespace(access.namespaces, operation.namespace);
  const scope = access.auditScope(caller, namespace.name);
  if (scope.length === 0 || !exported.scope.every((prefix) => isInScope(scope, prefix))) return operation;
  if (access.regions.problemOf(namespace, exported) !== undefined) return operation;
  // SigV4 counts from a whole second, so this is never later than the moment at which S3 begins to refuse.
  const signMs = Math.floor(access.now().getTime() / 1000) * 1000;
  const restMs = Math.floor((exported.expireTimeMs - signMs) / 1000) * 1000;
  const lifetimeMs = Math.min(namespace.downloadUrlLifetimeMaxMs, restMs);
  if (lifetimeMs <= 0) return operation;
  const url = await access.downloads.presignDownload(exported.bucket, exported.key, {
    lifetimeMs,
    contentType: "application/gzip",
    contentDisposition: `attachment; filename="audit-${namespace.name}-${exported.lastSequence}.ndjson.gz"`,
  });
  return { ...operation, download: { url, expireTime: new Date(signMs + lifetimeMs) } };
}
