import { createHash } from "node:crypto";
import type { Caller } from "../../domain/caller.ts";
import { type CommandIdentity, parseUuid, toCommandIdentity } from "../../domain/command-identity.ts";
import { DomainError, type ErrorReason, invalidArgument } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { PATH_ORDER } from "../../domain/files/file-order.ts";
import type { FileRepository } from "../../domain/files/file-repository.ts";
import type { FileFilter } from "../../domain/filter/file-filter.ts";
import { parseFileFilter } from "../../domain/filter/file-filter.ts";
import type { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import { type Namespace, type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import { type PageRequest, readFilePage } from "../../queries/file-page.ts";
import { toPageToken } from "../../queries/page-token.ts";
import { removeBytes, type StorageOfBytes } from "./purge-file.ts";

/** Which files, what is to become of live ones, and which page of them. */
export interface PurgeFilesRequest extends PageRequest {
  requestId: string;
  namespace: string;
  /** AIP-160; not empty. */
  filter: string;
  /** Counts, and purges nothing. */
  dryRun: boolean;
  /** Live files too, which are deleted first. */
  includeLive: boolean;
  /** Superseded generations too. */
  includeSuperseded: boolean;
}

/** What one call did, in files. */
export interface PurgeFilesResult {
  matched: number;
  purged: number;
  /** Those that a hold or a retention keeps. */
  retained: number;
  /** Paths of some that matched. */
  samplePaths: string[];
  /** Empty when there are no more. */
  nextPageToken: string;
}

const SAMPLE_PATHS_MAX = 20;
const PURGES_IN_FLIGHT_MAX = 10;
/** Begins the tokens of pages of superseded generations, which follow those of deleted and live files. */
const SUPERSEDED = "superseded.";
const START = { path: "", generation: 0 };
/** Somebody else has changed a file since it was found: it is no longer the file that matched. */
const OVERTAKEN: readonly ErrorReason[] = ["FILE_NOT_FOUND", "GENERATION_MISMATCH", "FILE_LIVE", "FILE_PURGED"];

interface Deps {
  files: Pick<FileRepository, "delete" | "beginPurge" | "endPurges">;
  /** The lists of files, as the caller may see them. */
  lists: Pick<FileRepository, "list" | "listSuperseded">;
  objects: StorageOfBytes;
  namespaces: Namespaces;
  filteredReads: WorkLimiter;
}

/**
 * Purges a page of the deleted files that match a filter and are not past their purge time, of live ones too if asked for;
 * as `purgeFile` does, each by itself. Superseded generations that match are purged if asked for, on pages of their own after
 * the others; else they are left to their purge time. Repeating a call, also one that failed, is safe: it purges, and counts,
 * what is left. Errors: `invalid_argument / FILTER_INVALID`, `PAGE_TOKEN_INVALID` or
 * `ARGUMENT_INVALID` with the field; `resource_exhausted / OVERLOADED` before anything is purged; `unavailable`, with the rest of the page not done.
 */
export async function purgeFiles(
  deps: Deps,
  request: PurgeFilesRequest,
  options: { caller: Caller; signal?: AbortSignal | undefined },
): Promise<PurgeFilesResult> {
  const { dryRun, includeLive, includeSuperseded } = request;
  const requestId = parseUuid(request.requestId, "request_id", "REQUEST_ID_INVALID");
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const asked = parseFileFilter(request.filter);
  if (asked === undefined) throw invalidArgument("filter", "filter is empty; say which files are to be purged");
  const find = () => findPurgeable(deps.lists, request, { namespace: namespace.name, asked });
  const { caller, signal } = options;
  const { files, nextPageToken } = await deps.filteredReads.run(caller.principal, find, { signal });
  const samplePaths = files.slice(0, SAMPLE_PATHS_MAX).map(({ path }) => path);
  const result: PurgeFilesResult = { matched: files.length, purged: 0, retained: 0, samplePaths, nextPageToken };
  if (dryRun) return result;
  const content = [request.filter, includeLive, includeSuperseded];
  const identify = (file: Purgeable) =>
    toCommandIdentity(caller, "PurgeFiles", {
      namespace: namespace.name,
      requestId: toPartId(requestId, file),
      content,
    });
  return { ...result, ...(await purgeFound(deps, namespace, { files: files.map(toPurgeable), identify })) };
}

/** A generation that is to be purged, as it was found. */
export interface Purgeable extends Pick<File, "fileId" | "path" | "generation"> {
  isLive: boolean;
}

/** What of a found file its purge needs to know. */
export function toPurgeable({ fileId, path, generation, deleteTime, supersedeTime }: File): Purgeable {
  return { fileId, path, generation, isLive: deleteTime === undefined && supersedeTime === undefined };
}

/**
 * Purges files that were found, a few at a time, each under the identity of its own: with the same ones again it purges what is
 * left, and counts all. A file that somebody has changed since is no longer the one that matched, and is left. Rejects as
 * `purgeFiles`, with the rest not done.
 */
export async function purgeFound(
  deps: Pick<Deps, "files" | "objects">,
  namespace: Pick<Namespace, "name" | "retentionMs">,
  { files, identify }: { files: readonly Purgeable[]; identify: (file: Purgeable) => CommandIdentity },
): Promise<{ purged: number; retained: number }> {
  const counts = { purged: 0, retained: 0 };
  for (let at = 0; at < files.length; at += PURGES_IN_FLIGHT_MAX) {
    const some = files.slice(at, at + PURGES_IN_FLIGHT_MAX);
    const outcomes = await Promise.allSettled(some.map((file) => purgeOne(deps, namespace, { file, identify })));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") throw outcome.reason;
      if (outcome.value !== "overtaken") counts[outcome.value]++;
    }
  }
  return counts;
}

/**
 * A page of what is to be purged: first of the files that lists show; after the last of them, of superseded generations. A page may
 * be empty although others follow. Errors: `invalid_argument / PAGE_TOKEN_INVALID`, `ARGUMENT_INVALID` for a negative page size.
 */
export async function findPurgeable(
  files: Deps["lists"],
  request: Pick<PurgeFilesRequest, "includeLive" | "includeSuperseded" | keyof PageRequest>,
  { namespace, asked }: { namespace: string; asked: FileFilter },
): Promise<{ files: File[]; nextPageToken: string }> {
  const { includeLive, includeSuperseded, pageSize, pageToken } = request;
  const deleted: FileFilter = { kind: "present", field: "delete_time" };
  const filter: FileFilter = includeLive ? asked : { kind: "and", of: [asked, deleted] };
  const listing = ["purge", namespace, filter, includeSuperseded];
  const after = [...listing, SUPERSEDED];
  const query = { prefix: "", order: PATH_ORDER, showDeleted: true };
  if (!includeSuperseded || !pageToken.startsWith(SUPERSEDED)) {
    const page = await readFilePage(
      files,
      { pageSize, pageToken },
      { namespace, query: { ...query, filter }, listing },
    );
    if (page.nextPageToken !== "" || !includeSuperseded) return page;
    if (page.files.length > 0) return { ...page, nextPageToken: `${SUPERSEDED}${toPageToken(START, after)}` };
  }
  const page = await readFilePage(
    { list: (name, { filter, limit, after }) => files.listSuperseded(name, { filter, limit, after }) },
    { pageSize, pageToken: pageToken.startsWith(SUPERSEDED) ? pageToken.slice(SUPERSEDED.length) : "" },
    { namespace, query: { ...query, filter: asked }, listing: after },
  );
  return page.nextPageToken === "" ? page : { ...page, nextPageToken: `${SUPERSEDED}${page.nextPageToken}` };
}

async function purgeOne(
  { files, objects }: Pick<Deps, "files" | "objects">,
  { name, retentionMs }: Pick<Namespace, "name" | "retentionMs">,
  { file, identify }: { file: Purgeable; identify: (file: Purgeable) => CommandIdentity },
): Promise<"purged" | "retained" | "overtaken"> {
  const { path, generation, isLive } = file;
  const identity = identify(file);
  try {
    if (isLive) {
      const deletion: CommandIdentity = { ...identity, method: "PurgeFiles/delete" };
      await files.delete(name, path, { identity: deletion, retentionMs, ifGenerationMatch: generation });
    }
    const marked = await files.beginPurge(name, path, { identity, generation });
    if (marked.purgeState === "purging") {
      await removeBytes(objects, marked);
      await files.endPurges(name, [marked.fileId]);
    }
    return "purged";
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.reason === "FILE_RETAINED") return "retained";
    if (OVERTAKEN.includes(error.reason)) return "overtaken";
    throw error;
  }
}

/** The request id of one file's purge, which follows from the call's or the operation's: a UUID of version 8 (RFC 9562). */
export function toPartId(requestId: string, { fileId }: Pick<File, "fileId">): string {
  const hex = createHash("sha256").update(`${requestId}/${fileId}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
