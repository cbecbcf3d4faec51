import type { CommandIdentity } from "../command-identity.ts";
import type { CommitPosition } from "../commit-position.ts";
import type { FileFilter } from "../filter/file-filter.ts";
import type { File } from "./file.ts";
import type { FileDescription } from "./file-description.ts";
import type { FileCursor, FileOrder } from "./file-order.ts";
import type { FileRetention } from "./file-retention.ts";
import type { FolderEntry } from "./folder-entry.ts";

/** What a caller may change of a file. */
export type FileChange = FileDescription & FileRetention;

/** Which files, from where on, and how many. */
export interface FileQuery {
  /** Their paths begin with it. */
  prefix: string;
  /** All when undefined. */
  filter?: FileFilter | undefined;
  /** That of paths when undefined. */
  order?: FileOrder;
  /** Most files in the page. */
  limit: number;
  /** `next` of the page before, with nothing else changed. */
  after?: FileCursor | undefined;
  /** Deleted files that can be restored as well. */
  showDeleted: boolean;
  /** The page is as of then or later; without it, it may miss what was committed a moment ago. */
  position?: CommitPosition | undefined;
}

/** A page of files, which may be short or empty although others follow: looking on took too long. */
export interface FilePage {
  files: File[];
  /** Where each of them stands: what `next` would be, did the page end with it. */
  cursors: FileCursor[];
  /** To be given as `after` for the next page; undefined on the last. */
  next: FileCursor | undefined;
}

/** What lies directly under a prefix, from where on, and how much of it. */
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
  /** There are older ones. */
  hasMore: boolean;
}

/**
 * Committed files, in the database. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH`,
 * `FILE_RETAINED`, `FILE_PURGED` and `FILE_LIVE`, `already_exists / FILE_EXISTS`, `invalid_argument / REQUEST_ID_REUSED`, `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface FileRepository {
  /**
   * The live file at a path, or exactly that generation, deleted or superseded ones included; as of `position` or later, where
   * given: without it a read may miss what was committed a moment ago.
   */
  get(
    namespace: string,
    path: string,
    options?: { generation?: number | undefined; position?: CommitPosition | undefined },
  ): Promise<File>;

  /** Live files, and deleted ones if asked for; superseded ones never. */
  list(namespace: string, query: FileQuery): Promise<FilePage>;

  /**
   * Superseded generations that can still be restored, in the order of their paths and then generations; in pages as those
   * of `list`.
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

  /** All generations of a path, the newest first, from before `before` on; none when the path never had any. */
  listGenerations(
    namespace: string,
    path: string,
    options: { limit: number; before?: number | undefined; position?: CommitPosition | undefined },
  ): Promise<GenerationPage>;

  /**
   * Changes the live file at a path, or exactly that generation, to what `change` makes of it. What `change` throws is
   * thrown, with nothing changed; it is called again with the newer file when somebody else was faster. A repeated identity
   * returns the file changed then, as it stands now. FILE_PURGED when its bytes are being removed, or gone.
   */
  update(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; change: (file: File) => FileChange; generation?: number },
  ): Promise<File>;

  /**
   * Soft-deletes the live file; a repeated identity returns the file deleted then, as it stands now. FILE_RETAINED while a
   * hold or a retention keeps it. ETAG_MISMATCH unless `etag` ("" for any) is the live file's; compared in the same step.
   */
  delete(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; retentionMs: number; ifGenerationMatch?: number; etag?: string },
  ): Promise<File>;

  /**
   * Restores the deleted generation, or the one deleted last, until its purge time and while it is retained. FILE_EXISTS when
   * a live file is at the path, FILE_PURGED when the named generation's bytes are being removed, or gone. ETAG_MISMATCH as
   * of `delete`, of the file that would be restored.
   */
  undelete(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; generation?: number; etag?: string },
  ): Promise<File>;

  /**
   * Moves the live file to another path, as the next generation there, and supersedes the one that is live there; in one
   * step. `etag` ("" for any) and `ifGenerationMatch` are of the file that is moved, `ifTargetGenerationMatch` of the one at
   * the target, 0 for none. A repeated identity returns the file moved then. ETAG_MISMATCH.
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
   * Gives a superseded or deleted generation the next number of its path, and makes it the live one in place of the one
   * that is. `ifGenerationMatch` is of the latter, 0 for none. A repeated identity returns the file restored then.
   * FILE_LIVE when it is the live one, FILE_PURGED when it is not restorable any more.
   */
  restoreGeneration(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; generation: number; retentionMs: number; ifGenerationMatch?: number },
  ): Promise<File>;

  /**
   * Marks a generation that is not live as `purging`, the one deleted last unless one is named: from here on it is neither
   * restored nor kept. One that is marked or purged already is returned as it is, and so is that of a repeated identity.
   * FILE_LIVE, FILE_RETAINED; ETAG_MISMATCH unless `etag` ("" for any) is that generation's.
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
   * `purging` -> `purged`, once storage no longer has the bytes: what was said of them is emptied, with the purge time of now.
   * Returns the files of these ids as they are then, in any order.
   */
  endPurges(fileIds: readonly string[]): Promise<File[]>;
}
