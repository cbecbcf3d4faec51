import type { Writable } from "node:stream";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { File } from "../../gen/sluice/v1/file_pb.ts";
import type { WriteUploadCommitted } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { CallOptions } from "./calls/call.ts";
import { createEventCalls, type EventCalls } from "./calls/event-calls.ts";
import { createUnaryCalls, type UnaryCalls } from "./calls/unary-calls.ts";
import { createUploadWatch, type WatchedUpload, type WatchOptions } from "./calls/watch-upload.ts";
import { Addresses } from "./connection/addresses.ts";
import { parseAddresses } from "./connection/parse-addresses.ts";
import { createPositionMemory } from "./connection/position-memory.ts";
import { ServiceSession, type SessionOptions } from "./connection/service-session.ts";
import { createTokenInterceptor } from "./connection/token-interceptor.ts";
import { Credentials, type TokenSource } from "./credentials.ts";
import { type DownloadOptions, download } from "./downloads/download.ts";
import { SluiceError } from "./sluice-error.ts";
import { guessContentType } from "./uploads/guess-content-type.ts";
import { openFileSource } from "./uploads/node-file-source.ts";
import { type UploadOptions, type UploadPorts, upload } from "./uploads/upload.ts";
import { ownConnection, shareConnection, type UploadConnection } from "./uploads/upload-connection.ts";
import { createBytesSource, createIterableSource } from "./uploads/upload-source.ts";

/** Longest answer to a unary call, in bytes: a page of 1,000 files with full metadata fits. */
const ANSWER_MAX_BYTES = 32 * 2 ** 20;

/** Options for reaching a service. */
export type SluiceClientOptions = SessionOptions & {
  /**
   * Token that is sent as `authorization: Bearer …` with each call, or what gives it: a source that is asked for every call, and
   * once more when the service has refused a token. An upload goes on with the new one.
   */
  token: string | TokenSource;
  /** TLS settings beyond Node's own, for instance `{ ca }` with a private authority's certificate. */
  tls?: SessionOptions["tls"];
} & (
    | {
        /**
         * The service's URL, for instance "http://127.0.0.1:8080" (HTTP/2 without TLS) or "https://files.example.org". Commas
         * separate several.
         */
        url: string;
      }
    | {
        /**
         * Addresses of replicas of one service, at most 10. The first one that works is used. A call that fails is tried
         * again at the next address, and lanes are spread over all addresses.
         */
        urls: readonly string[];
      }
  );

/** The Node client: the unary calls, and the bytes. */
export interface SluiceClient extends UnaryCalls, EventCalls {
  /**
   * Uploads a file (by its path), bytes, or an async iterable, for instance standard input, to `path`. After a cut, files and
   * bytes continue from any byte, at the same or another address; an iterable continues from the bytes of it that are kept
   * (256 MiB). From 256 MiB on, files and bytes are sent over four connections (`lanes`), spread over the addresses. Resolves
   * once the file is committed.
   */
  upload(
    source: string | Uint8Array | AsyncIterable<Uint8Array | string>,
    path: string,
    options?: UploadOptions,
  ): Promise<WriteUploadCommitted>;
  /**
   * Downloads the file at `path` through its presigned URL, to a file (by its path) or to a stream. A file is written as
   * `<path>.part`, and renamed when it is complete and verified; an earlier `.part` is continued. Resolves to the file once
   * its CRC32 was found equal.
   */
  download(path: string, destination: string | Writable, options?: CallOptions & DownloadOptions): Promise<File>;
  /**
   * Reports the progress of an upload, whoever writes it: at once, at each change and every 5 s, over cuts and restarts of
   * the service, at whichever address answers. The last report is the outcome (committed, aborted, expired).
   */
  watchUpload(uploadId: string, options?: WatchOptions): AsyncGenerator<WatchedUpload, void, undefined>;
  /** Ends the connections and every call on them, with `cancelled / CLIENT_CLOSED`. */
  close(): void;
}

/**
 * Creates a client for one service. It connects at the first call. One HTTP/2 connection to an address carries all calls but
 * the lanes of uploads. Throws `invalid_argument / ADDRESS_INVALID` for invalid addresses.
 */
export function createSluiceClient(options: SluiceClientOptions): SluiceClient {
  const credentials = new Credentials(options.token);
  const renew = (error: unknown) => credentials.renewAfter(error);
  const closed = new AbortController();
  const positions = createPositionMemory();
  const stations = parseAddresses("urls" in options ? options.urls : options.url).map((url) => {
    const session = new ServiceSession(url, options, closed.signal);
    const transport = createGrpcTransport({
      baseUrl: url.href,
      sessionManager: session,
      acceptCompression: [],
      readMaxBytes: ANSWER_MAX_BYTES,
      writeMaxBytes: ANSWER_MAX_BYTES,
      interceptors: [createTokenInterceptor(credentials), positions.interceptor],
    });
    return { name: url.href.replace(/\/$/, ""), url, session, transport };
  });
  const addresses = new Addresses(stations);
  const calls = createUnaryCalls(addresses, { renew });
  const lanes = new Set<UploadConnection>();
  const streams = { credentials, onPosition: positions.note };
  const ports: UploadPorts = {
    renew,
    connect: () => shareConnection(addresses.route(), { sessionOf: ({ session }) => session, ...streams }),
    connectLane(number) {
      const openSession = (url: URL) => new ServiceSession(url, options, closed.signal);
      const connection = ownConnection(addresses.route(number), { openSession, ...streams });
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
          ? await openFileSource(input, { signal: uploadOptions.signal ?? new AbortController().signal })
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
    watchUpload: createUploadWatch(addresses, { renew }),
    ...createEventCalls(addresses, { renew }),
    close() {
      closed.abort(new SluiceError("cancelled", "the client was closed", { reason: "CLIENT_CLOSED" }));
      for (const { session } of stations) session.abort();
      for (const lane of lanes) lane.close();
    },
  };
}
