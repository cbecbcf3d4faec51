import type { CommandIdentity } from "../command-identity.ts";
import type { CommitPosition } from "../commit-position.ts";
import type { FileFilter } from "../filter/file-filter.ts";
import type { File } from "./file.ts";
import type { FileDescription } from "./file-description.ts";
import type { FileCursor, FileOrder } from "./file-order.ts";
import type { FileRetention } from "./file-retention.ts";
import type { FolderEntry } from "./folder-entry.ts";

/** The fields of a file that a caller may change. */
export type FileChange = FileDescription & FileRetention;

/** Which files, from where on, and how many. */
export interface FileQuery {
  /** The paths of all files begin with this. */
  prefix: string;
  /** Undefined for all files. */
  filter?: FileFilter | undefined;
  /** Undefined for the order of paths. */
  order?: FileOrder;
  /** Most files in the page. */
  limit: number;
  /** The `next` of the page before; every other field has to be the same. */
  after?: FileCursor | undefined;
  /** Whether deleted files that can be restored are listed as well. */
  showDeleted: boolean;
  /** The page shows the state at this commit position or later; without it the page may miss a commit of a moment ago. */
  position?: CommitPosition | undefined;
}

/** A page of files. It may be short or empty although others follow, because reading on would have taken too long. */
export interface FilePage {
  files: File[];
  /** The cursor of each file: `next` would be this if the page ended with the file. */
  cursors: FileCursor[];
  /** The `after` of the next page; undefined on the last page. */
  next: FileCursor | undefined;
}

/** Which entries directly under a prefix, from which cursor on, and how many of them. */
export type FolderQuery = Pick<FileQuery, "prefix" | "limit" | "after" | "showDeleted" | "position">;

/** A page of the entries of a folder, in the byte order of their paths; maybe short although others follow. */
export interface FolderPage {
  entries: FolderEntry[];
  /** To be given as `after` for the next page; undefined on the last. */
  next: FileCursor | undefined;
}

/** A page of the generations of a path. */
export interface GenerationPage {
  files: File[];
  /** Whether there are older generations. */
  hasMore: boolean;
}

/** How much of a namespace a bucket has of one recorded region. */
export interface StoredPlace {
  namespace: string;
  bucket: string;
  region: string;
  /** Generations whose bytes are there: live, deleted and superseded ones, and those whose removal has begun. */
  generations: number;
  sizeBytes: bigint;
}

/** What the row of a generation says of its object in storage. */
export type FileObject = Pick<
  File,
  | "namespace"
  | "fileId"
  | "path"
  | "generation"
  | "s3Key"
  | "s3VersionId"
  | "s3Etag"
  | "sizeBytes"
  | "crc32"
  | "purgeState"
>;

/**
 * Committed files, in the database. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH`,
 * `FILE_RETAINED`, `FILE_PURGED`, `FILE_LIVE` and `RESIDENCY_VIOLATION`, `already_exists / FILE_EXISTS`, `invalid_argument / REQUEST_ID_REUSED`, `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface FileRepository {
  /**
   * The live file at a path, or exactly that generation, deleted or superseded ones included; the answer shows the state at
   * `position` or later. Without a position a read may miss a commit of a moment ago.
   */
  get(
    namespace: string,
    path: string,
    options?: { generation?: number | undefined; position?: CommitPosition | undefined },
  ): Promise<File>;

  /** Live files, and deleted ones if the query asks for them; never superseded generations. */
  list(namespace: string, query: FileQuery): Promise<FilePage>;

  /**
   * Superseded generations that can still be restored, in the order of their paths and then generations, in pages like
   * those of `list`.
   */
  listSuperseded(
    namespace: string,
    query: Pick<FileQuery, "filter" | "limit" | "after" | "position">,
  ): Promise<FilePage>;

  /**
   * Live files directly under a prefix, and the folders there that hold any, however deep; deleted ones too if asked for,
   * where a folder may hold none but deleted files that wait for their purge.
   */
  listFolder(namespace: string, query: FolderQuery): Promise<FolderPage>;

  /** All generations of a path below `before`, the newest first; none when the path never had any. */
  listGenerations(
    namespace: string,
    path: string,
    options: { limit: number; before?: number | undefined; position?: CommitPosition | undefined },
  ): Promise<GenerationPage>;

  /**
   * Where the bytes of these namespaces' generations lie by their rows, at most `limit` places, in the byte order of namespace,
   * bucket and region. It reads every row of the namespaces.
   */
  listPlaces(
    namespaces: readonly string[],
    options: { limit: number; position?: CommitPosition | undefined },
  ): Promise<StoredPlace[]>;

  /**
   * What rows say of the objects of a bucket under a key prefix, purged generations too: in the order of the keys' UTF-8 bytes, behind
   * the key `after` ("" for the beginning), at most `limit`. From the primary.
   */
  listObjects(bucket: string, options: { keyPrefix: string; after: string; limit: number }): Promise<FileObject[]>;

  /** The same of these keys, in any order; none of keys that no row has. */
  findObjects(bucket: string, keys: readonly string[]): Promise<FileObject[]>;

  /**
   * Changes the live file at a path, or exactly that generation, to what `change` makes of it. When `change` throws,
   * nothing changes and the error is thrown. When somebody else was faster, `change` is called again with the newer file. A
   * repeated identity returns the file that it changed, as the file is now. FILE_PURGED when the bytes are being removed,
   * or are gone.
   */
  update(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; change: (file: File) => FileChange; generation?: number },
  ): Promise<File>;

  /**
   * Notes what storage has answered to the hold of a generation as it was read, by its metageneration: whether it has done as it
   * says, or has no Object Lock. `isSettled` is false when the generation was changed meanwhile: storage may then be told wrong, and
   * has to be told again what `file` says.
   */
  settleHold(
    file: Pick<File, "namespace" | "fileId" | "metageneration" | "legalHold">,
    hasObjectLock: boolean,
  ): Promise<{ file: File; isSettled: boolean }>;

  /** Generations of a namespace whose holds are not settled, in the order of their ids; pages as of `beginDuePurges`. */
  listUnsettledHolds(
    namespace: string,
    options: { after: string; limit: number },
  ): Promise<{ files: File[]; next: string }>;

  /**
   * Soft-deletes the live file; a repeated identity returns the file that it deleted, as the file is now. FILE_RETAINED
   * while a hold or a retention keeps it. ETAG_MISMATCH unless `etag` ("" for any) is the live file's; the same step
   * compares it.
   */
  delete(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; retentionMs: number; ifGenerationMatch?: number; etag?: string },
  ): Promise<File>;

  /**
   * Restores the deleted generation, or the one deleted last, until its purge time and while it is retained. FILE_EXISTS
   * when a live file is at the path, FILE_PURGED when the named generation's bytes are being removed, or gone.
   * ETAG_MISMATCH unless `etag` ("" for any) is that of the file that would be restored; RESIDENCY_VIOLATION when that file lies
   * in none of `allowedRegions`.
   */
  undelete(
    namespace: string,
    path: string,
    options: {
      identity: CommandIdentity;
      generation?: number;
      etag?: string;
      /** Undefined for all regions. */
      allowedRegions?: readonly string[];
    },
  ): Promise<File>;

  /**
   * Moves the live file to another path, as the next generation there, and supersedes the file that is live there, in one
   * step. `etag` ("" for any) and `ifGenerationMatch` are of the file that is moved, `ifTargetGenerationMatch` of the file
   * at the target, 0 for none. A repeated identity returns the file that it moved. ETAG_MISMATCH.
   */
  move(
    namespace: string,
    path: string,
    options: {
      identity: CommandIdentity;
      targetPath: string;
      retentionMs: number;
      etag?: string;
      ifGenerationMatch?: number;
      ifTargetGenerationMatch?: number;
    },
  ): Promise<File>;

  /**
   * Gives a superseded or deleted generation the next number of its path, and makes it the live one; the generation that
   * was live is superseded. `ifGenerationMatch` is the number of the generation that was live, 0 for none. A repeated
   * identity returns the file that it restored. FILE_LIVE when the generation is live already, FILE_PURGED when it cannot
   * be restored any more, RESIDENCY_VIOLATION when it lies in none of `allowedRegions`.
   */
  restoreGeneration(
    namespace: string,
    path: string,
    options: {
      identity: CommandIdentity;
      generation: number;
      retentionMs: number;
      ifGenerationMatch?: number;
      /** Undefined for all regions. */
      allowedRegions?: readonly string[];
    },
  ): Promise<File>;

  /**
   * Marks a generation that is not live as `purging`, the one deleted last unless one is named: from here on it is neither
   * restored nor kept. A generation that is marked or purged already is returned as it is, and so is the one that a
   * repeated identity has marked. FILE_LIVE, FILE_RETAINED; ETAG_MISMATCH unless `etag` ("" for any) is that generation's.
   */
  beginPurge(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; generation?: number; etag?: string },
  ): Promise<File>;

  /**
   * Marks deleted and superseded generations of all namespaces that are past their purge time and that nothing retains, and
   * returns them with those that were marked before and then left; by when they became due, at most `limit`, after the
   * `next` of the call before ("" for the beginning). `next` is "" when there were no more.
   */
  beginDuePurges(
    namespace: string,
    options: { after: string; limit: number },
  ): Promise<{ files: File[]; next: string }>;

  /**
   * `purging` -> `purged`, once storage no longer has the bytes: the description is emptied, and now is the purge time.
   * Returns the files of these ids in the namespace as they are after that, in any order.
   */
  endPurges(namespace: string, fileIds: readonly string[]): Promise<File[]>;
}
