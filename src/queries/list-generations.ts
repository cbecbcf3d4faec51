import type { File } from "../domain/files/file.ts";
import { PATH_ORDER, toPathCursor } from "../domain/files/file-order.ts";
import { parseFilePath } from "../domain/files/file-path.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import { fileNotFound } from "../domain/repository-refusals.ts";
import { countWhileSmall, type PageRequest, parsePageSize } from "./file-page.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";
import type { QueryOptions } from "./query-options.ts";

/** Of which path, and which page. */
export interface ListGenerationsRequest extends PageRequest {
  namespace: string;
  path: string;
}

/**
 * One page of all generations of a path that are kept, the newest first: live, superseded and deleted ones. Errors:
 * `not_found / FILE_NOT_FOUND` when there is none, `invalid_argument / PATH_INVALID`, `PAGE_TOKEN_INVALID` for a token of
 * another list, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listGenerations(
  deps: { files: Pick<FileRepository, "listGenerations">; namespaces: Namespaces },
  request: ListGenerationsRequest,
  { position }: QueryOptions,
): Promise<{ files: File[]; nextPageToken: string }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const path = parseFilePath(request.path);
  const limit = parsePageSize(request.pageSize);
  const listing = ["generations", namespace, path];
  const after = request.pageToken === "" ? undefined : fromPageToken(request.pageToken, listing, PATH_ORDER);
  const before = after !== undefined && "path" in after ? after.generation : undefined;
  const page = await deps.files.listGenerations(namespace, path, { limit, before, position });
  if (page.files.length === 0 && before === undefined) throw fileNotFound(path);
  const files = page.files.slice(
    0,
    countWhileSmall(page.files, (file) => file),
  );
  const last = files.at(-1);
  const hasMore = page.hasMore || files.length < page.files.length;
  return { files, nextPageToken: hasMore && last !== undefined ? toPageToken(toPathCursor(last), listing) : "" };
}
