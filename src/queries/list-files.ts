import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/file.ts";
import { parseFileOrder } from "../domain/file-order.ts";
import { PATH_MAX_BYTES } from "../domain/file-path.ts";
import type { FileRepository } from "../domain/file-repository.ts";
import { parseFilter } from "../domain/filter/parse-filter.ts";
import { type Namespaces, requireNamespace } from "../domain/namespace.ts";
import { type PageRequest, readFilePage } from "./file-page.ts";

/** Which files, and which page of them. */
export interface ListFilesRequest extends PageRequest {
  namespace: string;
  /** Empty lists all. */
  prefix: string;
  /** AIP-160; empty lists all. */
  filter: string;
  /** AIP-132; empty for the order of paths. */
  orderBy: string;
  showDeleted: boolean;
}

/**
 * One page of the files under a prefix. A page may hold fewer files than asked for, even none; only an empty
 * `nextPageToken` means that there are no more. Errors: `invalid_argument / PAGE_TOKEN_INVALID` for a token of another
 * listing, `PATH_INVALID` for the prefix, `FILTER_INVALID`, `ORDER_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listFiles(
  deps: { files: Pick<FileRepository, "list">; namespaces: Namespaces },
  request: ListFilesRequest,
  _options: { caller: Caller; signal?: AbortSignal },
): Promise<{ files: File[]; nextPageToken: string }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const prefix = parsePrefix(request.prefix);
  const filter = parseFilter(request.filter);
  const order = parseFileOrder(request.orderBy);
  const { showDeleted } = request;
  const query = { prefix, filter, order, showDeleted };
  return await readFilePage(deps.files, request, { namespace, query, listing: [namespace, query] });
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
