import { compareBytes, isInScope, narrowScope, type PathScope } from "../domain/access/path-scope.ts";
import { type FileCursor, PATH_ORDER } from "../domain/files/file-order.ts";
import type { FilePage, FileQuery, FileRepository, FolderPage, FolderQuery } from "../domain/files/file-repository.ts";
import { type FolderEntry, toEntryCursor, toFolder } from "../domain/files/folder-entry.ts";
import type { FileFilter } from "../domain/filter/file-filter.ts";

/** The lists of files. */
export type FileLists = Pick<FileRepository, "list" | "listFolder" | "listSuperseded">;

/** Ranges of paths that one page reads at most; beyond them the page comes back short, and the next one goes on. */
const RANGES_PER_PAGE_MAX = 16;

/**
 * The lists as somebody sees them who may see the paths of a scope alone. One prefix becomes the prefix of the query, so that
 * the list is the same walk of an index as that of a caller who asks for this prefix. Several prefixes are read one after the
 * other in the order of paths; in other orders they are a condition of the filter.
 */
export function withinScope(files: FileLists, scope: PathScope): FileLists {
  if (isInScope(scope, "")) return files;
  return {
    list: async (namespace, query) => {
      const prefixes = narrowScope(scope, query.prefix);
      if (prefixes.length === 0) return { files: [], cursors: [], next: undefined };
      if (prefixes.length === 1) return await files.list(namespace, { ...query, prefix: prefixes[0] as string });
      if ((query.order ?? PATH_ORDER).field === "path") return await listInTurn(files, namespace, { query, prefixes });
      return await files.list(namespace, { ...query, filter: within(prefixes, query.filter) });
    },
    listFolder: async (namespace, query) => {
      const prefixes = narrowScope(scope, query.prefix);
      if (prefixes[0] === query.prefix) return await files.listFolder(namespace, query);
      return await listFoldersAbove(files, namespace, { query, prefixes });
    },
    listSuperseded: async (namespace, query) => {
      if (scope.length === 0) return { files: [], cursors: [], next: undefined };
      return await files.listSuperseded(namespace, { ...query, filter: within(scope, query.filter) });
    },
  };
}

function within(prefixes: PathScope, filter: FileFilter | undefined): FileFilter {
  const ranges = prefixes.map((prefix): FileFilter => ({ kind: "like", field: "path", pieces: [prefix, ""] }));
  const range: FileFilter = ranges.length === 1 ? (ranges[0] as FileFilter) : { kind: "or", of: ranges };
  return filter === undefined ? range : { kind: "and", of: [range, filter] };
}

/** A page of the files below several prefixes, in the order of paths or its opposite. */
async function listInTurn(
  files: FileLists,
  namespace: string,
  { query, prefixes }: { query: FileQuery; prefixes: PathScope },
): Promise<FilePage> {
  const { isDescending } = query.order ?? PATH_ORDER;
  const ranges = findRangesFrom(isDescending ? prefixes.toReversed() : prefixes, query.after, isDescending);
  const page: FilePage = { files: [], cursors: [], next: undefined };
  for (const [index, prefix] of ranges.entries()) {
    if (index === RANGES_PER_PAGE_MAX) return { ...page, next: toCursorBefore(ranges, index, isDescending) };
    const limit = query.limit - page.files.length;
    const part = await files.list(namespace, { ...query, prefix, limit });
    page.files.push(...part.files);
    page.cursors.push(...part.cursors);
    if (part.next !== undefined) return { ...page, next: part.next };
    const isFull = page.files.length === query.limit;
    if (isFull && index + 1 < ranges.length) return { ...page, next: page.cursors.at(-1) };
  }
  return page;
}

/** The ranges that the page before has left, in whole or in part. */
function findRangesFrom(ranges: PathScope, after: FileCursor | undefined, isDescending: boolean): PathScope {
  if (after === undefined || !("path" in after)) return ranges;
  const { path } = after;
  const isLeft = (prefix: string) => compareBytes(prefix, path) > 0 !== isDescending;
  return ranges.filter((prefix) => path.startsWith(prefix) || isLeft(prefix));
}

/** A place before the range of that index, and after the one before it. No path is a prefix itself: prefixes end in "/". */
function toCursorBefore(ranges: PathScope, index: number, isDescending: boolean): FileCursor {
  return { path: ranges[isDescending ? index - 1 : index] as string, generation: 0 };
}

/** The folders on the way from a prefix to those below which the caller may see files, where there are any. */
async function listFoldersAbove(
  files: FileLists,
  namespace: string,
  { query, prefixes }: { query: FolderQuery; prefixes: PathScope },
): Promise<FolderPage> {
  const { after, showDeleted, position } = query;
  const folders = new Map<string, string[]>();
  for (const prefix of prefixes) {
    const folder = toFolder(prefix, query.prefix) as string;
    folders.set(folder, [...(folders.get(folder) ?? []), prefix]);
  }
  const isAfter = (folder: string) => after === undefined || !("path" in after) || compareBytes(folder, after.path) > 0;
  const entries: FolderEntry[] = [];
  let questions = 0;
  let last: FolderEntry | undefined;
  for (const [path, below] of folders) {
    if (!isAfter(path)) continue;
    if (entries.length === query.limit || questions >= RANGES_PER_PAGE_MAX)
      return { entries, next: last === undefined ? undefined : toEntryCursor(last) };
    last = { kind: "folder", path };
    for (const prefix of below) {
      questions++;
      const { files: found } = await files.list(namespace, { prefix, limit: 1, showDeleted, position });
      if (found.length === 0) continue;
      entries.push(last);
      break;
    }
  }
  return { entries, next: undefined };
}
