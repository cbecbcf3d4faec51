import type { CommandIdentity } from "./command-identity.ts";
import type { File } from "./file.ts";
import type { FileDescription } from "./file-description.ts";
import type { FileOrder, FilePosition } from "./file-order.ts";
import type { FileFilter } from "./filter/file-filter.ts";
import type { FolderEntry } from "./folder-entry.ts";

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
  after?: FilePosition | undefined;
  /** Deleted files that can be restored as well. */
  showDeleted: boolean;
}

/** A page of files, which may be short or empty although others follow: looking on took too long. */
export interface FilePage {
  files: File[];
  /** Where each of them stands: what `next` would be, did the page end with it. */
  positions: FilePosition[];
  /** To be given as `after` for the next page; undefined on the last. */
  next: FilePosition | undefined;
}

/** What lies directly under a prefix, from where on, and how much of it. */
export type FolderQuery = Pick<FileQuery, "prefix" | "limit" | "after" | "showDeleted">;

/** A page of the entries of a folder, in the byte order of their paths; maybe short although others follow. */
export interface FolderPage {
  entries: FolderEntry[];
  /** To be given as `after` for the next page; undefined on the last. */
  next: FilePosition | undefined;
}

/** A page of the generations of a path. */
export interface GenerationPage {
  files: File[];
  /** There are older ones. */
  hasMore: boolean;
}

/**
 * Committed files, in the database. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH`,
 * `already_exists / FILE_EXISTS`, `invalid_argument / REQUEST_ID_REUSED`, `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface FileRepository {
  /** The live file at a path, or exactly that generation, deleted or superseded ones included. */
  get(namespace: string, path: string, options?: { generation?: number }): Promise<File>;

  /** Live files, and deleted ones if asked for; superseded ones never. */
  list(namespace: string, query: FileQuery): Promise<FilePage>;

  /**
   * Live files directly under a prefix, and the folders there that hold any, however deep; deleted ones too if asked for,
   * where a folder may hold none but deleted files that wait for their purge.
   */
  listFolder(namespace: string, query: FolderQuery): Promise<FolderPage>;

  /** All generations of a path, the newest first, from before `before` on; none when the path never had any. */
  listGenerations(
    namespace: string,
    path: string,
    options: { limit: number; before?: number | undefined },
  ): Promise<GenerationPage>;

  /**
   * Changes the live file at a path to what `change` makes of it. What `change` throws is thrown, with nothing changed;
   * it is called again with the newer file when somebody else was faster. A repeated identity returns the file changed
   * then, as it stands now.
   */
  update(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; change: (file: File) => FileDescription },
  ): Promise<File>;

  /** Soft-deletes the live file; a repeated identity returns the file deleted then, as it stands now. */
  delete(
    namespace: string,
    path: string,
    options: { identity: CommandIdentity; retentionMs: number; ifGenerationMatch?: number },
  ): Promise<File>;

  /** Restores the deleted generation, or the one deleted last; FILE_EXISTS when a live file is at the path. */
  undelete(namespace: string, path: string, options: { identity: CommandIdentity; generation?: number }): Promise<File>;
}
