import { invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import { NEWEST_FIRST, parseFileOrder } from "../domain/files/file-order.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { toSearchWords } from "../domain/files/search-words.ts";
import type { FileFilter } from "../domain/filter/file-filter.ts";
import { parseFileFilter } from "../domain/filter/file-filter.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import { type PageRequest, readFilePage } from "./file-page.ts";
import type { QueryOptions } from "./query-options.ts";

/** Words in the text of one search. */
export const QUERY_WORDS_MAX = 100;
/** Longest text of a search, in bytes. */
export const QUERY_MAX_BYTES = 8192;

/**
 * Files in a page of a search when the caller names no number: whoever searches looks at the best first, and mostly at no
 * second page. Half as many as of a list, and a third less work for everybody (measured).
 */
export const SEARCH_PAGE_SIZE_DEFAULT = 50;

/** What to search for, and which page of it. */
export interface SearchFilesRequest extends PageRequest {
  namespace: string;
  /** AIP-160. */
  filter: string;
  /** Plain text: all of its words, in any order. */
  query: string;
  /** AIP-132; empty for the newest first where there is text, else for the order of paths. */
  orderBy: string;
  showDeleted: boolean;
}

/**
 * One page of the files that match both filter and text; one of them may be empty, not both: that would be a list. A
 * page may hold fewer files than asked for, even none; only an empty `nextPageToken` means that there are no more.
 * Errors: `invalid_argument / FILTER_INVALID`, `ORDER_INVALID`, `PAGE_TOKEN_INVALID`, or `ARGUMENT_INVALID` with the field.
 */
export async function searchFiles(
  deps: { files: Pick<FileRepository, "list">; namespaces: Namespaces },
  request: SearchFilesRequest,
  { position }: QueryOptions,
): Promise<{ files: File[]; nextPageToken: string }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const words = parseQuery(request.query);
  const filters = [parseFileFilter(request.filter), words].filter((one) => one !== undefined);
  if (filters.length === 0) {
    throw invalidArgument("filter", "filter and query are empty; send one of them, or list the files by ListFiles");
  }
  const filter: FileFilter = { kind: "and", of: filters };
  // Callers who search for words mostly want something recent.
  const isByWords = words !== undefined && request.orderBy.trim() === "";
  const order = isByWords ? NEWEST_FIRST : parseFileOrder(request.orderBy);
  const query = { prefix: "", filter, order, showDeleted: request.showDeleted };
  const options = {
    namespace,
    query: { ...query, position },
    listing: ["search", namespace, query],
    pageSizeDefault: SEARCH_PAGE_SIZE_DEFAULT,
  };
  return await readFilePage(deps.files, request, options);
}

function parseQuery(query: string): FileFilter | undefined {
  if (query.trim() === "") return undefined;
  const bytes = Buffer.byteLength(query);
  if (bytes > QUERY_MAX_BYTES) {
    throw invalidArgument("query", `query has ${bytes} bytes of UTF-8; the limit is ${QUERY_MAX_BYTES}`, {
      details: { query_bytes: bytes, query_bytes_max: QUERY_MAX_BYTES },
    });
  }
  if (!query.isWellFormed()) throw invalidArgument("query", "query holds a lone surrogate; send well-formed Unicode");
  const words = [...new Set(toSearchWords(query))];
  if (words.length > 0 && words.length <= QUERY_WORDS_MAX) {
    return { kind: "words", words: words.map((text) => ({ text, isPrefix: false })) };
  }
  throw invalidArgument("query", `query has ${words.length} words of letters or digits; send 1 to ${QUERY_WORDS_MAX}`, {
    details: { query_words: words.length, query_words_max: QUERY_WORDS_MAX },
  });
}
