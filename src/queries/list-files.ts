import { DomainError, invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import { PATH_ORDER, parseFileOrder } from "../domain/files/file-order.ts";
import { PATH_MAX_BYTES } from "../domain/files/file-path.ts";
import type { FileRepository, FolderQuery } from "../domain/files/file-repository.ts";
import { FOLDER_DELIMITER, toEntryCursor } from "../domain/files/folder-entry.ts";
import { parseFileFilter } from "../domain/filter/file-filter.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import { countWhileSmall, type PageRequest, parsePageSize, readFilePage } from "./file-page.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";
import type { QueryOptions } from "./query-options.ts";

/** Which files, and which page of them. */
export interface ListFilesRequest extends PageRequest {
  namespace: string;
  /** Empty lists all. */
  prefix: string;
  /** "/" lists what lies directly under the prefix: its files, and its folders by their paths; empty lists all files. */
  delimiter: string;
  /** AIP-160; empty lists all. */
  filter: string;
  /** AIP-132; empty for the order of paths. */
  orderBy: string;
  showDeleted: boolean;
}

/** A page of a listing; `folders` are empty without a delimiter. */
export interface ListFilesPage {
  files: File[];
  folders: string[];
  nextPageToken: string;
}

/**
 * One page of the files under a prefix. A page may hold fewer files than asked for, even none; only an empty
 * `nextPageToken` means that there are no more. Files and folders count alike. Errors: `invalid_argument /
 * PAGE_TOKEN_INVALID` for a token of another listing, `PATH_INVALID` for the prefix, `FILTER_INVALID`, `ORDER_INVALID`,
 * `ARGUMENT_INVALID` for a negative page size or another delimiter.
 */
export async function listFiles(
  deps: { files: Pick<FileRepository, "list" | "listFolder">; namespaces: Namespaces },
  request: ListFilesRequest,
  { position }: QueryOptions,
): Promise<ListFilesPage> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const prefix = parsePrefix(request.prefix);
  const filter = parseFileFilter(request.filter);
  const order = parseFileOrder(request.orderBy);
  const { showDeleted } = request;
  const query = { prefix, filter, order, showDeleted };
  const isFolder = parseDelimiter(request.delimiter);
  if (!isFolder) {
    const page = await readFilePage(deps.files, request, {
      namespace,
      query: { ...query, position },
      listing: [namespace, query],
    });
    return { ...page, folders: [] };
  }
  if (filter !== undefined || order.field !== "path" || order.isDescending) {
    const message =
      "delimiter goes with the order of paths and without a filter; leave out filter and order_by, or delimiter";
    throw invalidArgument("delimiter", message);
  }
  return await readFolderPage(deps.files, request, { namespace, query: { prefix, showDeleted }, position });
}

async function readFolderPage(
  files: Pick<FileRepository, "listFolder">,
  { pageSize, pageToken }: PageRequest,
  options: Pick<FolderQuery, "position"> & { namespace: string; query: Pick<FolderQuery, "prefix" | "showDeleted"> },
): Promise<ListFilesPage> {
  const { namespace, query, position } = options;
  const listing = ["folder", namespace, query];
  const limit = parsePageSize(pageSize);
  const after = pageToken === "" ? undefined : fromPageToken(pageToken, listing, PATH_ORDER);
  const page = await files.listFolder(namespace, { ...query, limit, after, position });
  const count = countWhileSmall(page.entries, (entry) => (entry.kind === "file" ? entry.file : undefined));
  const entries = page.entries.slice(0, count);
  const last = entries.at(-1);
  const next = count < page.entries.length && last !== undefined ? toEntryCursor(last) : page.next;
  return {
    files: entries.flatMap((entry) => (entry.kind === "file" ? entry.file : [])),
    folders: entries.flatMap((entry) => (entry.kind === "folder" ? entry.path : [])),
    nextPageToken: next === undefined ? "" : toPageToken(next, listing),
  };
}

function parseDelimiter(delimiter: string): boolean {
  if (delimiter === "" || delimiter === FOLDER_DELIMITER) return delimiter !== "";
  const shown = JSON.stringify(delimiter.slice(0, 100));
  throw invalidArgument("delimiter", `delimiter is ${shown}; send "${FOLDER_DELIMITER}", or none to list all files`);
}

/** A prefix is any beginning of a path, so it may end inside a segment, or with "/". */
function parsePrefix(prefix: string): string {
  if (!prefix.isWellFormed() || prefix.includes("\u0000")) {
    throw new DomainError(
      "invalid_argument",
      "prefix is not valid: it holds a lone surrogate or U+0000; leave it out",
      {
        reason: "PATH_INVALID",
        field: "prefix",
      },
    );
  }
  const normalized = prefix.normalize("NFC");
  const prefixBytes = Buffer.byteLength(normalized);
  if (prefixBytes <= PATH_MAX_BYTES) return normalized;
  throw new DomainError(
    "invalid_argument",
    `prefix has ${prefixBytes} bytes of UTF-8; the limit is ${PATH_MAX_BYTES}`,
    {
      reason: "PATH_INVALID",
      field: "prefix",
      details: { prefix_bytes: prefixBytes, prefix_bytes_max: PATH_MAX_BYTES },
    },
  );
}
