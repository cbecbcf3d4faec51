import { invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { FileOrder } from "../domain/files/file-order.ts";
import type { FileQuery, FileRepository } from "../domain/files/file-repository.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";

/** Files in one page when the caller names no number, and the most there ever are. */
export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1000;
/**
 * Bytes of one page, about: gRPC clients refuse messages above 4 MiB unless told otherwise, and a thousand files with
 * long paths and full metadata come to 10 MiB. A page that would be larger ends earlier.
 */
export const PAGE_BYTES_MAX = 2 * 1024 * 1024;
/** What a file takes on the wire beside its path, type, key, metadata and labels. */
const FILE_OVERHEAD_BYTES = 512;

/** Which page. */
export interface PageRequest {
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
}

/**
 * The page of a listing that a caller asks for; `listing` is what its tokens are bound to. Errors: `invalid_argument /
 * PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function readFilePage(
  files: Pick<FileRepository, "list">,
  { pageSize, pageToken }: PageRequest,
  options: {
    namespace: string;
    query: Omit<FileQuery, "limit" | "after" | "order"> & { order: FileOrder };
    listing: readonly unknown[];
    pageSizeDefault?: number;
  },
): Promise<{ files: File[]; nextPageToken: string }> {
  const { namespace, query, listing } = options;
  const limit = parsePageSize(pageSize, options.pageSizeDefault);
  const after = pageToken === "" ? undefined : fromPageToken(pageToken, listing, query.order);
  const page = await files.list(namespace, { ...query, limit, after });
  const count = countWhileSmall(page.files, (file) => file);
  const next = count < page.files.length ? page.cursors[count - 1] : page.next;
  return { files: page.files.slice(0, count), nextPageToken: next === undefined ? "" : toPageToken(next, listing) };
}

/** The size of a page as asked for; `invalid_argument` for a negative one. */
export function parsePageSize(pageSize: number, sizeDefault = PAGE_SIZE_DEFAULT): number {
  if (pageSize < 0) {
    throw invalidArgument("page_size", `page_size is ${pageSize}; send 1 to ${PAGE_SIZE_MAX}, or 0 for the default`, {
      details: { page_size: pageSize, page_size_max: PAGE_SIZE_MAX },
    });
  }
  return pageSize === 0 ? sizeDefault : Math.min(pageSize, PAGE_SIZE_MAX);
}

/** How many of the first items of a page fit one message, at least one; `toFile` gives the file of one that is large. */
export function countWhileSmall<T>(items: readonly T[], toFile: (item: T) => File | undefined): number {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    const file = toFile(item);
    bytes += file === undefined ? FILE_OVERHEAD_BYTES : estimateBytes(file);
    return index > 0 && bytes > PAGE_BYTES_MAX;
  });
  return end === -1 ? items.length : end;
}

function estimateBytes(file: File): number {
  let bytes = FILE_OVERHEAD_BYTES + Buffer.byteLength(file.path) + Buffer.byteLength(file.contentType);
  for (const map of [file.metadata, file.labels]) {
    for (const [name, value] of Object.entries(map)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 8;
  }
  return bytes;
}
