import type { FileRepository } from "../../domain/files/file-repository.ts";
import type { JournalWriter } from "../../domain/journal/new-entry.ts";
import type { Namespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { OrphanJudge } from "../../domain/uploads/orphan-verdict.ts";

/** What storage and the rows are compared with. */
export interface ReconcileAccess {
  objects: Pick<ObjectStore, "listVersions" | "head" | "delete">;
  files: Pick<FileRepository, "listObjects" | "findObjects">;
  orphans: Pick<OrphanJudge, "judgeKeys">;
  journal: JournalWriter;
  now: () => Date;
}

/** How they are compared. */
export interface ReconcileOptions {
  namespace: Pick<Namespace, "name" | "bucket" | "keyPrefix">;
  /** Goes on behind this key, the `after` of an earlier step; "" for the beginning. */
  after: string;
  /** Whether storage is asked for the CRC32 of each object, by a request each. */
  checksums: boolean;
  /** Whether what may be repaired is. */
  isRepairing: boolean;
  /** An object without a row is told when it, or the end of its upload, is older than this, in milliseconds. */
  olderThanMs: number;
  signal?: AbortSignal;
}

/**
 * `object-without-row`: storage has a version that no row names. `row-without-object`: storage has none that the row names.
 * `size-differs`, `checksum-differs`: it has other bytes. `bytes-of-purged`: it still has bytes that the row says are gone.
 */
export type DifferenceKind =
  | "object-without-row"
  | "row-without-object"
  | "size-differs"
  | "checksum-differs"
  | "bytes-of-purged";

/** One thing that is in storage and not in the rows, or otherwise. */
export interface Difference {
  kind: DifferenceKind;
  namespace: string;
  bucket: string;
  key: string;
  /** Of the row, or of the object that has none; empty where the bucket keeps no versions. */
  versionId: string;
  /** What the row says of the file; undefined where there is no row. */
  file: { fileId: string; path: string; generation: number; sizeBytes: number; crc32: number } | undefined;
  /** What storage says of the object; undefined where it has none. `crc32` only where it was asked for. */
  stored: { sizeBytes: number; crc32?: number; lastModified?: Date } | undefined;
  /**
   * `possible`: a row proves that the bytes belong to nobody, so they may be deleted. `done`, `failed`: that was tried. `none`: it is
   * told and left alone.
   */
  repair: "none" | "possible" | "done" | "failed";
}
