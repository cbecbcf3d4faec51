import type { CommandIdentity } from "./command-identity.ts";
import type { File } from "./file.ts";
import type { FileDescription } from "./file-description.ts";
import type { Position } from "./position.ts";

/** A page of files in the byte order of (path, generation). */
export interface FilePage {
  files: File[];
  /** The last file of this page, to be given as `after` for the next one; undefined on the last. */
  next: { path: string; generation: number } | undefined;
}

/**
 * Committed files, in the database. Errors: `not_found / FILE_NOT_FOUND`, `failed_precondition / GENERATION_MISMATCH`,
 * `already_exists / FILE_EXISTS`, `invalid_argument / REQUEST_ID_REUSED`, `unavailable / DATABASE_UNAVAILABLE`.
 */
export interface FileRepository {
  /**
   * The live file at a path, or exactly that generation, deleted or superseded ones included; as of `position` or later, where
   * given: without it a read may miss what was committed a moment ago.
   */
  get(
    namespace: string,
    path: string,
    options?: { generation?: number | undefined; position?: Position | undefined },
  ): Promise<File>;

  /** Live files (and deleted, restorable ones if `showDeleted`) whose path begins with `prefix`, after `after`; as of `position`. */
  list(
    namespace: string,
    options: {
      prefix: string;
      limit: number;
      after?: { path: string; generation: number } | undefined;
      showDeleted: boolean;
      position?: Position | undefined;
    },
  ): Promise<FilePage>;

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
