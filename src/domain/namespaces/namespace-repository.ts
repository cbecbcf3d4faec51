import type { Grant } from "../access/grants.ts";
import type { Actor } from "../deed.ts";
import type { Namespace } from "./namespace.ts";
import type { UsedBytes } from "./quotas.ts";

/** A namespace as the database keeps it. */
export interface NamespaceRecord extends Namespace {
  readonly grants: readonly Grant[];
  /** Grows with every change of any namespace, so that it also says in which order they changed. */
  readonly version: number;
  readonly createTime: Date;
  readonly updateTime: Date;
  /** When the namespace was deleted; its name is never given out again. */
  readonly deleteTime: Date | undefined;
}

/** What a caller may change of a namespace once it exists: files depend on the rest for ever. */
export type NamespacePolicy = Omit<Namespace, "name" | "bucket" | "region" | "keyPrefix">;

/** What a namespace keeps, by what became of it. */
export interface NamespaceUsage {
  readonly liveFiles: number;
  readonly liveBytes: number;
  /** Deleted files and superseded generations that are not purged yet. */
  readonly kept: number;
  readonly keptBytes: number;
  /** Uploads that are not committed, aborted or expired. */
  readonly unfinishedUploads: number;
  /** What its quotas are compared with. */
  readonly used: UsedBytes;
  /** The same of the principal that was asked for. */
  readonly usedByPrincipal: UsedBytes | undefined;
  /** When the day ends, by the database's clock: the next midnight in UTC. */
  readonly dayEndTime: Date;
}

/** What a change of a namespace is bound to: the version that its caller has seen; undefined for whichever there is. */
export interface IfVersion {
  readonly ifVersion?: number | undefined;
}

/** A change of a namespace, and who makes it. */
export interface NamespaceChange extends IfVersion {
  readonly actor: Actor;
}

/**
 * Namespaces, in the database. Errors: `not_found / NAMESPACE_NOT_FOUND`, also of a deleted one; `failed_precondition /
 * ETAG_MISMATCH` when it has another version than `ifVersion`; `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface NamespaceRepository {
  /**
   * Makes a namespace without grants. One that exists with the same bucket, region, prefix and policy is returned as it is, so
   * that the call can be repeated. `already_exists / NAMESPACE_EXISTS` for one that exists otherwise or was deleted;
   * `failed_precondition / PREFIX_OVERLAPS` when keys of the bucket would belong to two namespaces.
   */
  create(namespace: Namespace, actor: Actor): Promise<NamespaceRecord>;

  /**
   * The namespace as it is, or made like `create`: of one that exists, the bucket, region and prefix have to be the same, and
   * the policy is left as it is. `failed_precondition / ARGUMENT_INVALID` for others.
   */
  ensure(namespace: Namespace): Promise<NamespaceRecord>;

  /** Changes the policy to what `change` makes of it. When `change` throws, nothing changes and the error is thrown. */
  update(
    name: string,
    change: (before: NamespaceRecord) => NamespacePolicy,
    options: NamespaceChange,
  ): Promise<NamespaceRecord>;

  /** Replaces all grants. */
  setGrants(name: string, grants: readonly Grant[], options: NamespaceChange): Promise<NamespaceRecord>;

  /**
   * Deletes an empty namespace, for good. `failed_precondition / NAMESPACE_NOT_EMPTY` while it has a file that is not purged,
   * or an upload that is not ended.
   */
  delete(name: string, options: NamespaceChange): Promise<NamespaceRecord>;

  /** Namespaces that changed after the version, deleted ones too, in the order of their versions. */
  listChanged(afterVersion: number): Promise<NamespaceRecord[]>;

  /** What the namespace keeps, and what is used of its quotas; with `principal` also what that one uses. */
  usage(name: string, options?: { principal?: string | undefined }): Promise<NamespaceUsage>;
}
