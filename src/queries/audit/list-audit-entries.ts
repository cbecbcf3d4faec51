import { NO_PATH } from "../../domain/access/path-scope.ts";
import { parseFilter } from "../../domain/filter/parse-filter.ts";
import { ENTRY_FIELDS } from "../../domain/journal/entry-filter.ts";
import type { Journal } from "../../domain/journal/journal.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { parsePageSize } from "../file-page.ts";
import { fromNumberPageToken, toNumberPageToken } from "../page-token.ts";
import type { QueryOptions } from "../query-options.ts";

/** Which entries, and which page of them. */
export interface ListAuditEntriesRequest {
  namespace: string;
  /** AIP-160 over ENTRY_FIELDS; empty for all. */
  filter: string;
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
}

/**
 * One page of what was done in a namespace, the newest first; only an empty `nextPageToken` means that there is no more. Errors:
 * `invalid_argument / FILTER_INVALID`, `PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listAuditEntries(
  deps: { journal: Pick<Journal, "list">; namespaces: Namespaces },
  request: ListAuditEntriesRequest,
  { scope = NO_PATH }: QueryOptions,
): Promise<{ entries: JournalEntry[]; nextPageToken: string }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const filter = parseFilter(request.filter, ENTRY_FIELDS);
  const limit = parsePageSize(request.pageSize);
  const listing = ["audit", namespace, request.filter];
  const before = request.pageToken === "" ? undefined : fromNumberPageToken(request.pageToken, listing);
  const { entries, next } = await deps.journal.list(namespace, { filter, scope, before, limit });
  return { entries, nextPageToken: next === undefined ? "" : toNumberPageToken(next, listing) };
}
