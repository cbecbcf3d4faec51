import type { SecureClientSessionOptions } from "node:http2";
import type { Writable } from "node:stream";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { File } from "../../gen/sluice/v1/file_pb.ts";
import type { WriteUploadCommitted } from "../../gen/sluice/v1/upload_service_pb.ts";
import { type DownloadOptions, download } from "./download.ts";
import { guessContentType } from "./guess-content-type.ts";
import { openFileSource } from "./node-file-source.ts";
import { type CallOptions, createUnaryCalls, type UnaryCalls } from "./unary-calls.ts";
import { type UploadOptions, type UploadPorts, upload } from "./upload.ts";
import { createUploadConnection, type UploadConnection } from "./upload-connection.ts";
import { createBytesSource, createIterableSource } from "./upload-source.ts";
import { createUploadWatch, type WatchedUpload, type WatchOptions } from "./watch-upload.ts";

/** A silent connection is asked for a sign of life after this many milliseconds, and given up after as many more. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 20_000;

/** HTTP/2 window of each stream for answers, in bytes; Node's 64 KiB would make each of them wait for round trips. */
const WINDOW_BYTES = 4 * 2 ** 20;

/** Longest answer to a unary call, in bytes: a page of 1,000 files with full metadata fits. */
const ANSWER_MAX_BYTES = 32 * 2 ** 20;

/** How to reach a service. */
export interface SluiceClientOptions {
  /** For instance "http://127.0.0.1:8080" (HTTP/2 without TLS) or "https://files.example.org". */
  url: string;
  /** Sent as `authorization: Bearer …` with each call. */
  token: string;
  /** TLS settings beyond Node's own, for instance `{ ca }` with a private authority's certificate. */
  tls?: Pick<SecureClientSessionOptions, "ca" | "cert" | "key" | "servername">;
  pingIntervalMs?: number;
  pingTimeoutMs?: number;
}

/** The Node client: the unary calls, and the bytes. */
export interface SluiceClient extends UnaryCalls {
  /**
   * Uploads a file (by its path), bytes, or an async iterable, for instance standard input, to `path`. Files and bytes are continued
   * from any byte after a cut; an iterable from what is kept of it (256 MiB). From 256 MiB on, files and bytes are sent over four
   * connections (`lanes`). Resolves once the file is committed.
   */
  upload(
    source: string | Uint8Array | AsyncIterable<Uint8Array | string>,
    path: string,
    options?: UploadOptions,
  ): Promise<WriteUploadCommitted>;
  /**
   * Downloads the file at `path` through its presigned URL, to a file (by its path; written as `<path>.part`, renamed when whole and
   * verified) or a stream. Continues an earlier `.part`. Resolves to the file once its CRC32 was found equal.
   */
  download(path: string, destination: string | Writable, options?: CallOptions & DownloadOptions): Promise<File>;
  /**
   * How far an upload is, whoever writes it: a report at once, at each change and every 5 s, over cuts and restarts of the
   * service; the outcome (committed, aborted, expired) is the last.
   */
  watchUpload(uploadId: string, options?: WatchOptions): AsyncGenerator<WatchedUpload, void, undefined>;
  /** Ends the connections and every call on them. */
  close(): void;
}

/** A client for one service. Connects at the first call; one HTTP/2 connection carries all calls but the lanes of uploads. */
export function createSluiceClient(options: SluiceClientOptions): SluiceClient {
  const url = new URL(options.url);
  const pings = {
    pingIntervalMs: options.pingIntervalMs ?? PING_INTERVAL_MS,
    pingTimeoutMs: options.pingTimeoutMs ?? PING_TIMEOUT_MS,
  };
  const openSession = () =>
    new Http2SessionManager(url, pings, {
      ...options.tls,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
    });
  const sessionManager = openSession();
  const authorization = `Bearer ${options.token}`;
  const transport = createGrpcTransport({
    baseUrl: options.url,
    sessionManager,
    acceptCompression: [],
    readMaxBytes: ANSWER_MAX_BYTES,
    writeMaxBytes: ANSWER_MAX_BYTES,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", authorization);
        return next(request);
      },
    ],
  });
  const calls = createUnaryCalls(transport);
  const connectionOptions = { url, headers: { authorization } };
  const lanes = new Set<UploadConnection>();
  const ports: UploadPorts = {
    ...createUploadConnection(sessionManager, connectionOptions),
    connect() {
      const connection = createUploadConnection(openSession(), connectionOptions);
      const close = () => {
        lanes.delete(lane);
        connection.close();
      };
      const lane = { ...connection, close };
      lanes.add(lane);
      return lane;
    },
    getUpload: calls.getUpload,
    createUpload: ({ path = "", namespace = "default", ...request }, { signal }) =>
      calls.createUpload(path, request, { namespace, signal }),
  };

  return {
    ...calls,
    async upload(input, path, uploadOptions = {}) {
      const source =
        typeof input === "string"
          ? await openFileSource(input)
          : input instanceof Uint8Array
            ? createBytesSource(input)
            : createIterableSource(input);
      const contentType = guessContentType(path, typeof input === "string" ? input : "");
      try {
        return await upload(ports, source, { path, options: { contentType, ...uploadOptions } });
      } finally {
        await source.close();
      }
    },
    download(path, destination, { namespace = "default", generation, ...rest } = {}) {
      const sign = (signal: AbortSignal) =>
        calls.createDownloadUrl(path, { namespace, signal, ...(generation !== undefined && { generation }) });
      return download(sign, destination, rest);
    },
    watchUpload: createUploadWatch(transport),
    close() {
      sessionManager.abort();
      for (const lane of lanes) lane.close();
    },
  };
}
