import type { File } from "./file.ts";
import { type FileCursor, toPathCursor } from "./file-order.ts";

/** What stands between the segments of a path, and ends the path of a folder. */
export const FOLDER_DELIMITER = "/";

/** What lies directly under a prefix: a file, or all paths that go on alike up to the next "/". */
export type FolderEntry = { kind: "file"; file: File } | { kind: "folder"; path: string };

/** Where an entry stands among the paths; after a folder its files are skipped. Generations count from 1. */
export function toEntryCursor(entry: FolderEntry): FileCursor {
  return entry.kind === "file" ? toPathCursor(entry.file) : { path: entry.path, generation: 0 };
}

/** The folder that a path under a prefix is in, seen from there; undefined when it lies directly under it. */
export function toFolder(path: string, prefix: string): string | undefined {
  const end = path.indexOf(FOLDER_DELIMITER, prefix.length);
  return end === -1 ? undefined : path.slice(0, end + 1);
}
