import type { File } from "./file.ts";
import { type FileCursor, toPathCursor } from "./file-order.ts";

/** The character between the segments of a path; the path of a folder ends with it. */
export const FOLDER_DELIMITER = "/";

/** An entry directly under a prefix: a file, or a folder, which is all paths that are equal up to the next "/". */
export type FolderEntry = { kind: "file"; file: File } | { kind: "folder"; path: string };

/** The cursor of an entry among the paths; behind a folder its files are skipped. Generations count from 1. */
export function toEntryCursor(entry: FolderEntry): FileCursor {
  return entry.kind === "file" ? toPathCursor(entry.file) : { path: entry.path, generation: 0 };
}

/** The folder directly under a prefix that holds a path; undefined when the path lies directly under the prefix. */
export function toFolder(path: string, prefix: string): string | undefined {
  const end = path.indexOf(FOLDER_DELIMITER, prefix.length);
  return end === -1 ? undefined : path.slice(0, end + 1);
}
