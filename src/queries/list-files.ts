import { DomainError, invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/file.ts";
import { PATH_MAX_BYTES } from "../domain/file-path.ts";
import type { FileRepository } from "../domain/file-repository.ts";
import { type Namespaces, requireNamespace } from "../domain/namespace.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";
import type { QueryOptions } from "./query-options.ts";

/** Files in one page when the caller names no number, and the most there ever are. */
export const PAGE_SIZE_DEFAULT = 100;
export const PAGE_SIZE_MAX = 1000;
/**
 * Bytes of one page, about: gRPC clients refuse messages above 4 MiB unless told otherwise, and a thousand files with
 * long paths and full metadata come to 10 MiB. A page that would be larger ends earlier.
 */
export const PAGE_BYTES_MAX = 2 * 1024 * 1024;
/** What a file takes on the wire beside its path, type, key and metadata. */
const FILE_OVERHEAD_BYTES = 512;

/** Which files, and which page of them. */
export interface ListFilesRequest {
  namespace: string;
  /** Empty lists all. */
  prefix: string;
  /** 0 means the default. */
  pageSize: number;
  /** Empty for the first page. */
  pageToken: string;
  showDeleted: boolean;
}

/**
 * One page of the files under a prefix, in the byte order of their paths. A page may hold fewer files than asked for;
 * only an empty `nextPageToken` means that there are no more. Errors: `invalid_argument / PAGE_TOKEN_INVALID` for a
 * token of another listing, `PATH_INVALID` for the prefix, `ARGUMENT_INVALID` for a negative page size.
 */
export async function listFiles(
  deps: { files: Pick<FileRepository, "list">; namespaces: Namespaces },
  request: ListFilesRequest,
  { position }: QueryOptions,
): Promise<{ files: File[]; nextPageToken: string }> {
  const namespace = requireNamespace(deps.namespaces, request.namespace).name;
  const prefix = parsePrefix(request.prefix);
  const limit = parsePageSize(request.pageSize);
  const { showDeleted } = request;
  const listing = [namespace, prefix, showDeleted];
  const after = request.pageToken === "" ? undefined : fromPageToken(request.pageToken, listing);
  const page = await deps.files.list(namespace, { prefix, limit, after, showDeleted, position });
  const files = takeWhileSmall(page.files);
  const last = files.at(-1);
  const next = files.length < page.files.length && last !== undefined ? last : page.next;
  return { files, nextPageToken: next === undefined ? "" : toPageToken(next, listing) };
}

function parsePageSize(pageSize: number): number {
  if (pageSize < 0) {
    throw invalidArgument("page_size", `page_size is ${pageSize}; send 1 to ${PAGE_SIZE_MAX}, or 0 for the default`, {
      details: { page_size: pageSize, page_size_max: PAGE_SIZE_MAX },
    });
  }
  return pageSize === 0 ? PAGE_SIZE_DEFAULT : Math.min(pageSize, PAGE_SIZE_MAX);
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

/** The first files that fit one message, at least one. */
function takeWhileSmall(files: File[]): File[] {
  let bytes = 0;
  const end = files.findIndex((file, index) => {
    bytes += estimateBytes(file);
    return index > 0 && bytes > PAGE_BYTES_MAX;
  });
  return end === -1 ? files : files.slice(0, end);
}

function estimateBytes(file: File): number {
  let bytes = FILE_OVERHEAD_BYTES + Buffer.byteLength(file.path) + Buffer.byteLength(file.contentType);
  for (const [name, value] of Object.entries(file.metadata)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 8;
  }
  return bytes;
}
