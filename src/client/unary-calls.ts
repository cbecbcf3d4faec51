import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  type CreateDownloadUrlResponse,
  type CreateLinkResponse,
  FileCommandService,
} from "../../gen/sluice/v1/file_command_service_pb.ts";
import type { File } from "../../gen/sluice/v1/file_pb.ts";
import { FileQueryService, type ListFilesResponse } from "../../gen/sluice/v1/file_query_service_pb.ts";
import type { Link } from "../../gen/sluice/v1/link_pb.ts";
import {
  type CompleteUploadResponse,
  type CreateUploadRequestSchema,
  type Upload,
  UploadService,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Addresses } from "./addresses.ts";
import { createRetries, type RetryLimits } from "./retry-policy.ts";
import { fromConnectError, SluiceError } from "./sluice-error.ts";

/** Answers are short: a call that has none within this many milliseconds counts as lost. */
const CALL_TIMEOUT_MS = 30_000;

const CALL_RETRY_LIMITS: RetryLimits = { triesMax: 4, timeMaxMs: 30_000, delayBaseMs: 200, delayMaxMs: 5_000 };

/** What every call takes. */
export interface CallOptions {
  /** "default" when unset. */
  namespace?: string;
  signal?: AbortSignal;
}

/**
 * The methods that answer once, for Node and browsers. Sizes, offsets and generations are bigint, as on the wire. Commands
 * make their request id, so every call is safely repeated while the service is unavailable: four tries, the last begun within 30 s
 * of the first failure. All reject with `SluiceError`, or with the signal's reason.
 */
export interface UnaryCalls {
  getFile(path: string, options?: CallOptions & { generation?: bigint }): Promise<File>;
  /** One page in the byte order of the paths; `pageSize` 1 to 1,000. */
  listFiles(options?: CallOptions & ListOptions): Promise<ListFilesResponse>;
  /** All files under a prefix, fetched page by page. */
  allFiles(options?: CallOptions & Omit<ListOptions, "pageToken">): AsyncGenerator<File, void, undefined>;
  /** `lifetimeMs` in whole seconds, at least 1,000; the namespace's limit when unset. */
  createDownloadUrl(
    path: string,
    options?: CallOptions & { generation?: bigint; lifetimeMs?: number; downloadName?: string; inline?: boolean },
  ): Promise<CreateDownloadUrlResponse & { file: File }>;
  deleteFile(path: string, options?: CallOptions & { ifGenerationMatch?: bigint }): Promise<File>;
  undeleteFile(path: string, options?: CallOptions & { generation?: bigint }): Promise<File>;
  /** `url` is shown now and never again; `lifetimeMs` in whole seconds, at least 1,000; a day when neither it nor `expireTime` is set. */
  createLink(path: string, options?: CallOptions & LinkOptions): Promise<CreateLinkResponse & { link: Link }>;
  revokeLink(linkId: string, options?: CallOptions): Promise<Link>;
  /** All links, or those to one path, fetched page by page, the newest first; only those that work unless `showEnded`. */
  allLinks(options?: CallOptions & { path?: string; showEnded?: boolean }): AsyncGenerator<Link, void, undefined>;
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

/** What to list. */
export interface ListOptions {
  prefix?: string;
  pageSize?: number;
  pageToken?: string;
  showDeleted?: boolean;
}

/** How a link works. */
export interface LinkOptions {
  generation?: bigint;
  lifetimeMs?: number;
  expireTime?: Date;
  /** 0 for any number. */
  maxUses?: number;
  downloadName?: string;
  inline?: boolean;
  note?: string;
}

/** An address of the service, and a Connect transport to it. */
export interface CallAddress {
  name: string;
  transport: Transport;
}

/** The unary methods over Connect transports: gRPC from Node, Connect from browsers. Each try goes to the next address. */
export function createUnaryCalls(addresses: Addresses<CallAddress>): UnaryCalls {
  const call = createCall(addresses);
  const listFiles: UnaryCalls["listFiles"] = (options = {}) => {
    const { signal, namespace = "default", prefix = "", pageSize = 0, pageToken = "", showDeleted = false } = options;
    const request = { namespace, prefix, pageSize, pageToken, showDeleted };
    return call(FileQueryService, signal, (queries, callOptions) => queries.listFiles(request, callOptions));
  };

  return {
    listFiles,
    async *allFiles(options = {}) {
      let pageToken = "";
      do {
        const page = await listFiles({ pageSize: 1000, ...options, pageToken });
        yield* page.files;
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
    },
    async getFile(path, { signal, namespace = "default", ...rest } = {}) {
      const answer = await call(FileQueryService, signal, (queries, options) =>
        queries.getFile({ namespace, path, ...rest }, options),
      );
      return present(answer.file, "file");
    },
    async createDownloadUrl(path, { signal, namespace = "default", lifetimeMs, ...rest } = {}) {
      const lifetime = lifetimeMs === undefined ? {} : { lifetime: { seconds: BigInt(Math.floor(lifetimeMs / 1000)) } };
      const request = { namespace, path, ...rest, ...lifetime };
      const answer = await call(FileCommandService, signal, (commands, options) =>
        commands.createDownloadUrl(request, options),
      );
      return { ...answer, file: present(answer.file, "file") };
    },
    async deleteFile(path, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest };
      const answer = await call(FileCommandService, signal, (commands, options) =>
        commands.deleteFile(request, options),
      );
      return present(answer.file, "file");
    },
    async undeleteFile(path, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest };
      const answer = await call(FileCommandService, signal, (commands, options) =>
        commands.undeleteFile(request, options),
      );
      return present(answer.file, "file");
    },
    async createLink(path, { signal, namespace = "default", lifetimeMs, expireTime, ...rest } = {}) {
      const seconds = lifetimeMs === undefined ? undefined : BigInt(Math.floor(lifetimeMs / 1000));
      const lifetime = seconds !== undefined && { expiration: { case: "lifetime" as const, value: { seconds } } };
      const end = expireTime && { expiration: { case: "expireTime" as const, value: timestampFromDate(expireTime) } };
      const request = { requestId: crypto.randomUUID(), namespace, path, ...rest, ...(end ?? (lifetime || {})) };
      const answer = await call(FileCommandService, signal, (commands, options) =>
        commands.createLink(request, options),
      );
      return { ...answer, link: present(answer.link, "link") };
    },
    async revokeLink(linkId, { signal, namespace = "default" } = {}) {
      const answer = await call(FileCommandService, signal, (commands, options) =>
        commands.revokeLink({ namespace, linkId }, options),
      );
      return present(answer.link, "link");
    },
    async *allLinks({ signal, namespace = "default", ...rest } = {}) {
      let pageToken = "";
      do {
        const request = { namespace, ...rest, pageSize: 1000, pageToken };
        const page = await call(FileQueryService, signal, (queries, options) => queries.listLinks(request, options));
        yield* page.links;
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
    },
    async createUpload(path, content = {}, { signal, namespace = "default" } = {}) {
      const request: MessageInitShape<typeof CreateUploadRequestSchema> = {
        ...(content as MessageInitShape<typeof CreateUploadRequestSchema>),
        requestId: crypto.randomUUID(),
        namespace,
        path,
      };
      const answer = await call(UploadService, signal, (uploads, options) => uploads.createUpload(request, options));
      return present(answer.upload, "upload");
    },
    async getUpload(uploadId, { signal, namespace = "default" } = {}) {
      const answer = await call(UploadService, signal, (uploads, options) =>
        uploads.getUpload({ namespace, uploadId }, options),
      );
      return present(answer.upload, "upload");
    },
    completeUpload(uploadId, { signal, namespace = "default", ...rest } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, uploadId, ...rest };
      return call(UploadService, signal, (uploads, options) => uploads.completeUpload(request, options));
    },
    async abortUpload(uploadId, { signal, namespace = "default" } = {}) {
      const request = { requestId: crypto.randomUUID(), namespace, uploadId };
      const answer = await call(UploadService, signal, (uploads, options) => uploads.abortUpload(request, options));
      return present(answer.upload, "upload");
    },
  };
}

/** Calls one method of a service, until it has an answer or an error that is final. */
type Call = <S extends DescService, T>(
  service: S,
  signal: AbortSignal | undefined,
  once: (client: Client<S>, options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
) => Promise<T>;

function createCall(addresses: Addresses<CallAddress>): Call {
  return async (service, signal = new AbortController().signal, once) => {
    const route = addresses.route();
    const triesMax = Math.max(CALL_RETRY_LIMITS.triesMax, route.length);
    const retries = createRetries({ ...CALL_RETRY_LIMITS, triesMax }, { route });
    for (;;) {
      try {
        return await once(createClient(service, route.current.transport), { signal, timeoutMs: CALL_TIMEOUT_MS });
      } catch (error) {
        const failure = toLost(fromConnectError(error, signal));
        // The same call cannot bring bytes that storage lost: whoever has them is to hear which.
        if (failure instanceof SluiceError && failure.details.lost_parts !== undefined) throw failure;
        await retries.waitAfter(failure, { signal });
      }
    }
  };
}

/** The only deadline is this client's own: the answer is lost, and another address may give it. */
function toLost(error: unknown): unknown {
  if (!(error instanceof SluiceError) || error.code !== "deadline_exceeded") return error;
  const message = `the service did not answer within ${CALL_TIMEOUT_MS / 1000} s`;
  return new SluiceError("unavailable", message, { reason: "CONNECTION_LOST", cause: error });
}

function present<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new SluiceError("internal", `the service's answer lacks the ${name}`, { reason: "PROTOCOL_VIOLATED" });
}
