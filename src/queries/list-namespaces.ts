import { compareBytes } from "../domain/access/path-scope.ts";
import type { NamespaceRecord } from "../domain/namespaces/namespace-repository.ts";
import { type PageRequest, parsePageSize } from "./file-page.ts";
import { fromNamePageToken, toNamePageToken } from "./page-token.ts";
import type { QueryOptions } from "./query-options.ts";

/** What one page of namespaces is made from. */
export interface ListedNamespaces {
  catchUp(): Promise<void>;
  values(): Iterable<NamespaceRecord>;
}

/**
 * One page of the namespaces that the caller may see (`isShown`), by name; only an empty `nextPageToken` means that there are no
 * more. Errors: `invalid_argument / PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listNamespaces(
  namespaces: ListedNamespaces,
  request: PageRequest,
  { isShown = () => false }: QueryOptions,
): Promise<{ namespaces: NamespaceRecord[]; nextPageToken: string }> {
  const limit = parsePageSize(request.pageSize);
  const listing = ["namespaces"];
  const after = request.pageToken === "" ? "" : fromNamePageToken(request.pageToken, listing);
  await namespaces.catchUp();
  const shown = [...namespaces.values()]
    .filter(({ name }) => compareBytes(name, after) > 0 && isShown(name))
    .sort((a, b) => compareBytes(a.name, b.name));
  const page = shown.slice(0, limit);
  const last = page.at(-1);
  const hasMore = shown.length > page.length && last !== undefined;
  return { namespaces: page, nextPageToken: hasMore ? toNamePageToken(last.name, listing) : "" };
}
