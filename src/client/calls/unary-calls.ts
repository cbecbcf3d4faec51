import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CreateDownloadUrlResponse, FileCommandService } from "../../../gen/sluice/v1/file_command_service_pb.ts";
import type { File, FileSchema } from "../../../gen/sluice/v1/file_pb.ts";
import {
  FileQueryService,
  type ListFilesResponse,
  type SearchFilesResponse,
} from "../../../gen/sluice/v1/file_query_service_pb.ts";
import {
  type CompleteUploadResponse,
  type CreateUploadRequestSchema,
  type Upload,
  UploadService,
} from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { Addresses } from "../connection/addresses.ts";
import type { RetryOptions } from "../connection/retry-policy.ts";
import { type AuditCalls, createAuditCalls } from "./audit-calls.ts";
import { allPages, type CallAddress, type CallOptions, createCall, present } from "./call.ts";
import { createJobCalls, type JobCalls } from "./job-calls.ts";
import { createLinkCalls, type LinkCalls } from "./link-calls.ts";
import { createNamespaceCalls, type NamespaceCalls } from "./namespace-calls.ts";
import { createPrivacyCalls, type PrivacyCalls } from "./privacy-calls.ts";
import { createSubscriptionCalls, type SubscriptionCalls } from "./subscription-calls.ts";
import { createUploadTokenCalls, type UploadTokenCalls } from "./upload-token-calls.ts";

/** The header of an answer that may lack the newest changes, as docs/seeing-your-changes.md has it. */
const STALE_HEADER = "sluice-stale-ms";
/** Timeout of a copy in milliseconds: a repeated call would take the copy over from one that is still at work. */
const COPY_TIMEOUT_MS = 3_600_000;

/**
 * The methods that answer once, for Node and browsers. Sizes, offsets and generations are bigint, as on the wire. Commands
 * make their request id, so every call is safely repeated while the service is unavailable: the last try begins within 30 s of
 * the first failure, and is the fourth as long as the service has never answered this client. All reject with `SluiceError`, or with the signal's reason.
 */
export interface UnaryCalls
  extends AuditCalls,
    JobCalls,
    LinkCalls,
    NamespaceCalls,
    PrivacyCalls,
    SubscriptionCalls,
    UploadTokenCalls {
  /**
   * The file as the service knows it. While the database is away the service may answer with a file that it has kept; then `onStale`
   * hears how long ago that was the newest, in milliseconds, before the call resolves.
   */
  getFile(
    path: string,
    options?: CallOptions & { generation?: bigint; onStale?: (ageMs: number) => void },
  ): Promise<File>;
  /** One page, in the byte order of the paths unless told otherwise; `pageSize` is 1 to 1,000. */
  listFiles(options?: CallOptions & ListOptions): Promise<ListFilesResponse>;
  /** All files under a prefix, fetched page by page. */
  allFiles(options?: CallOptions & Omit<ListOptions, "pageToken" | "delimiter">): AsyncGenerator<File, void, undefined>;
  /** One page of the files that match a filter, a text or both. It may be empty although others follow. */
  searchFiles(options: CallOptions & SearchOptions): Promise<SearchFilesResponse>;
  /** All files that match, fetched page by page. */
  allMatches(options: CallOptions & Omit<SearchOptions, "pageToken">): AsyncGenerator<File, void, undefined>;
  /** All generations of a path, the newest first, fetched page by page. */
  allGenerations(path: string, options?: CallOptions): AsyncGenerator<File, void, undefined>;
  /** Creates a presigned URL. `lifetimeMs` is in whole seconds, at least 1,000; when unset, it is the namespace's limit. */
  createDownloadUrl(
    path: string,
    options?: CallOptions & { generation?: bigint; lifetimeMs?: number; downloadName?: string; inline?: boolean },
  ): Promise<CreateDownloadUrlResponse & { file: File }>;
  /** Sets the fields in `updateMask` to their `values`. With `etag`, only a file that still has it is changed. */
  updateFile(
    path: string,
    values: Pick<
      MessageInitShape<typeof FileSchema>,
      "labels" | "metadata" | "contentType" | "dataSubject" | "legalHold" | "retainUntilTime" | "etag" | "generation"
    >,
    options: CallOptions & { updateMask: readonly string[] },
  ): Promise<File>;
  deleteFile(path: string, options?: CallOptions & { ifGenerationMatch?: bigint; etag?: string }): Promise<File>;
  undeleteFile(path: string, options?: CallOptions & { generation?: bigint; etag?: string }): Promise<File>;
  /** Makes a superseded or deleted generation the current one again. `ifGenerationMatch` is that of the live file. */
  restoreGeneration(
    path: string,
    generation: bigint,
    options?: CallOptions & { ifGenerationMatch?: bigint },
  ): Promise<File>;
  /** Removes the bytes of a deleted or superseded generation for good; of the one deleted last when unset. */
  purgeFile(path: string, options?: CallOptions & { generation?: bigint; etag?: string }): Promise<File>;
  moveFile(
    path: string,
    targetPath: string,
    options?: CallOptions & { ifGenerationMatch?: bigint; etag?: string; ifTargetGenerationMatch?: bigint },
  ): Promise<File>;
  /** Copies a file within storage. The call takes as long as the copy does, up to an hour. */
  copyFile(
    path: string,
    targetPath: string,
    options?: CallOptions & { generation?: bigint; etag?: string; ifTargetGenerationMatch?: bigint },
  ): Promise<File>;
  createUpload(
    path: string,
    request?: Omit<MessageInitShape<typeof CreateUploadRequestSchema>, "path" | "requestId" | "namespace">,
    options?: CallOptions,
  ): Promise<Upload>;
  getUpload(uploadId: string, options?: CallOptions): Promise<Upload>;
  completeUpload(
    uploadId: string,
    options?: CallOptions & { sizeBytes?: bigint; crc32?: number; ifGenerationMatch?: bigint },
  ): Promise<CompleteUploadResponse>;
  abortUpload(uploadId: string, options?: CallOptions): Promise<Upload>;
}

/** The files to list, and their order. */
export interface ListOptions {
  prefix?: string;
  pageSize?: number;
  pageToken?: string;
  showDeleted?: boolean;
  /** A filter as in AIP-160. */
  filter?: string;
  /** path, create_time, update_time or size_bytes, optionally followed by " desc". */
  orderBy?: string;
  /** "/" lists only the files and folders directly under the prefix. */
  delimiter?: string;
}

/** The files to search for. */
export interface SearchOptions
  extends Pick<ListOptions, "pageSize" | "pageToken" | "showDeleted" | "filter" | "orderBy"> {
  /** Words; all of them must be in the path or the metadata. */
  query?: string;
}

/** The unary methods over Connect transports: gRPC from Node, Connect from browsers. Each try goes to the next address. */
export function createUnaryCalls(
  addresses: Addresses<CallAddress>,
  options: Pick<RetryOptions, "renew"> = {},
): UnaryCalls {
  const call = createCall(addresses, options);
  const listFiles: UnaryCalls["listFiles"] = (options = {}) => {
    const { signal, namespace = "default", ...rest } = options;
    return call(FileQueryService.method.listFiles, { namespace, ...rest }, { signal });
  };
  const searchFiles: UnaryCalls["searchFiles"] = ({ signal, namespace = "default", ...rest }) =>
    call(FileQueryService.method.searchFiles, { namespace, ...rest }, { signal });

  return {
    ...createAuditCalls(addresses, options),
    ...createLinkCalls(call),
    ...createSubscriptionCalls(call),
    ...createUploadTokenCalls(call),
    ...createNamespaceCalls(call),
    ...createPrivacyCalls(call),
    ...createJobCalls(call),
    listFiles,
    searchFiles,
    allFiles: (options = {}) =>
      allPages(
        (pageToken) => listFiles({ pageSize: 1000, ...options, pageToken }),
        ({ files }) => files,
      ),
    allMatches: (options) =>
      allPages(
        (pageToken) => searchFiles({ pageSize: 1000, ...options, pageToken }),
        ({ files }) => files,
      ),
    allGenerations: (path, { signal, namespace = "default" } = {}) =>
      allPages(
        (pageToken) => {
          const request = { namespace, path, pageSize: 1000, pageToken };
          return call(FileQueryService.method.listGenerations, request, { signal });
        },
        ({ files }) => files,
      ),
    async getFile(path, { signal, namespace = "default", onStale, ...rest } = {}) {
      let staleMs: string | null = null;
      const onHeader = (header: Headers) => {
        staleMs = header.get(STALE_HEADER);
      };
      const answer = await call(FileQueryService.method.getFile, { namespace, path, ...rest }, { signal, onHeader });
      const file = present(answer.file, "file");
      if (staleMs !== null) onStale?.(Number(staleMs));
      return file;
    },
    async createDownloadUrl(path, { signal, namespace = "default", lifetimeMs, ...rest } = {}) {
      const lifetime = lifetimeMs === undefined ? {} : { lifetime: { seconds: BigInt(Math.floor(lifetimeMs / 1000)) } };
      const request = { namespace, path, ...rest, ...lifetime };
      const answer = await call(FileCommandService.method.createDownloadUrl, request, { signal });
      return { ...answer, file: present(answer.file, "file") };
    },
    async updateFile(path, values, { signal, namespace = "default", updateMask }) {
      const file = { ...values, namespace, path };
      const request = { requestId: crypto.randomUUID(), file, updateMask: { paths: [...updateMask] } };
      const answer = await call(FileCommandService.method.updateFile, request, { signal });
      return present(answer.file, "file");
    },
    async deleteFile(path, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest };
      const answer = await call(FileCommandService.method.deleteFile, request, { signal });
      return present(answer.file, "file");
    },
    async undeleteFile(path, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest };
      const answer = await call(FileCommandService.method.undeleteFile, request, { signal });
      return present(answer.file, "file");
    },
    async restoreGeneration(path, generation, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, generation, ...rest };
      const answer = await call(FileCommandService.method.restoreGeneration, request, { signal });
      return present(answer.file, "file");
    },
    async purgeFile(path, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest };
      const answer = await call(FileCommandService.method.purgeFile, request, { signal });
      return present(answer.file, "file");
    },
    async moveFile(path, targetPath, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, targetPath, ...rest };
      const answer = await call(FileCommandService.method.moveFile, request, { signal });
      return present(answer.file, "file");
    },
    async copyFile(path, targetPath, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, targetPath, ...rest };
      const answer = await call(FileCommandService.method.copyFile, request, { signal, timeoutMs: COPY_TIMEOUT_MS });
      return present(answer.file, "file");
    },
    async createUpload(path, content = {}, { signal, namespace = "default" } = {}) {
      const request: MessageInitShape<typeof CreateUploadRequestSchema> = {
        ...(content as MessageInitShape<typeof CreateUploadRequestSchema>),
        requestId: crypto.randomUUID(),
        namespace,
        path,
      };
      const answer = await call(UploadService.method.createUpload, request, { signal });
      return present(answer.upload, "upload");
    },
    async getUpload(uploadId, { signal, namespace = "default" } = {}) {
      const answer = await call(UploadService.method.getUpload, { namespace, uploadId }, { signal });
      return present(answer.upload, "upload");
    },
    completeUpload(uploadId, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, uploadId, ...rest };
      return call(UploadService.method.completeUpload, request, { signal });
    },
    async abortUpload(uploadId, { signal, namespace = "default" } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, uploadId };
      const answer = await call(UploadService.method.abortUpload, request, { signal });
      return present(answer.upload, "upload");
    },
  };
}
