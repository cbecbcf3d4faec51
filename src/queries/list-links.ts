import { NO_PATH } from "../domain/access/path-scope.ts";
import { parseFilePath } from "../domain/files/file-path.ts";
import type { Link } from "../domain/links/link.ts";
import type { LinkRepository } from "../domain/links/link-repository.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import { parsePageSize } from "./file-page.ts";
import { fromLinkPageToken, toLinkPageToken } from "./page-token.ts";
import type { QueryOptions } from "./query-options.ts";

/** Which links, and which page of them. */
export interface ListLinksRequest {
  namespace: string;
  /** Empty for all. */
  path: string;
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
  showEnded: boolean;
}

/**
 * One page of links, the newest first; only an empty `nextPageToken` means that there are no more. A thousand of the largest come
 * to some 3 MiB. Errors: `invalid_argument / PAGE_TOKEN_INVALID`, `PATH_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listLinks(
  deps: { links: Pick<LinkRepository, "list">; namespaces: Namespaces },
  request: ListLinksRequest,
  { position, scope = NO_PATH }: QueryOptions,
): Promise<{ links: Link[]; nextPageToken: string }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const path = request.path === "" ? undefined : parseFilePath(request.path);
  const limit = parsePageSize(request.pageSize);
  const { pageToken, showEnded } = request;
  const listing = ["links", namespace, path ?? null, showEnded];
  const after = pageToken === "" ? undefined : fromLinkPageToken(pageToken, listing);
  const { links, next } = await deps.links.list(namespace, { path, scope, showEnded, limit, after, position });
  return { links, nextPageToken: next === undefined ? "" : toLinkPageToken(next, listing) };
}
