import { mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { FaultPlan } from "./faults.ts";
import type { S3State } from "./operations/state.ts";
import type { Operation } from "./protocol/operation.ts";
import { RequestPipeline } from "./request-pipeline.ts";
import { Catalog } from "./storage/catalog.ts";
import { CatalogFiles } from "./storage/catalog-files.ts";
import { createDiscardingBlobs } from "./storage/discarding-blobs.ts";
import { openDiskBlobs } from "./storage/disk-blobs.ts";

/** How to run a development S3 server. Times in milliseconds. */
export interface DevS3ServerOptions {
  /** Where buckets, objects and unfinished uploads are kept; made if missing. Not touched in discard mode. */
  readonly directory: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly host?: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The region of buckets for which nothing else is said. */
  readonly region: string;
  /** Created if they are not there. */
  readonly buckets: readonly (string | NewBucket)[];
  /** Count bodies and throw them away, for load tests; reading objects is then NotImplemented. */
  readonly discard?: boolean;
  /** Compare bodies with declared checksums; the default is to do so unless discarding. */
  readonly verifyChecksums?: boolean;
  /** `opaque`, the default, makes unique ETags; `md5` costs about 2 CPU-seconds for each GiB. */
  readonly etags?: "md5" | "opaque";
  /** S3's is 5 MiB; smaller ones make 10,000 parts testable. */
  readonly multipartMinPartBytes?: number;
  /** S3 drops a body that is silent for about 20 s. */
  readonly bodyIdleTimeoutMs?: number;
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveTimeoutMs?: number;
  readonly corsOrigins?: readonly string[];
  /** PEM; with it the server speaks TLS 1.3 only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Hears of errors that only a mistake of this server or a broken disk can cause; the default prints them. */
  readonly onInternalError?: (error: unknown) => void;
}

/** A bucket in a region of its own. */
export interface NewBucket {
  readonly name: string;
  readonly region: string;
}

/** A running development S3 server. */
export interface DevS3Server {
  /** The endpoint for clients, which must use path style. */
  readonly url: string;
  readonly port: number;
  readonly faults: FaultPlan;
  /** How many authorised requests there were of an operation, faulted ones included. */
  requestCount(operation: Operation): number;
  /** Ends all connections and settles when nothing of the server runs any more; everything stored stays. */
  close(): Promise<void>;
}

const MULTIPART_MIN_PART_BYTES = 5 * 1024 * 1024;
const BODY_IDLE_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 20_000;

/**
 * Starts an S3-speaking server for development and tests: real HTTP, real SigV4, S3's multipart rules, bytes on disk.
 * It has the endpoints of its own region and of those that a bucket lies in, all at one address: a request that is signed for
 * another region than the bucket's is refused as the endpoint of that other region refuses it. It is no service for anybody
 * else: one key, no access control beyond the signature.
 */
export async function startDevS3Server(options: DevS3ServerOptions): Promise<DevS3Server> {
  const now = options.now ?? Date.now;
  const state = await openState(options, now);
  const { region: ownRegion } = options;
  for (const bucket of options.buckets) {
    const { name, region } = typeof bucket === "string" ? { name: bucket, region: ownRegion } : bucket;
    if (!state.catalog.hasBucket(name))
      state.catalog.createBucket(name, { region, createdAt: now(), hasObjectLock: false });
  }
  const pipeline = new RequestPipeline(state, {
    authority: {
      ...options,
      servesRegion: (region) => region === ownRegion || state.catalog.hasRegion(region),
      regionOf: (bucket) => state.catalog.regionOf(bucket),
      now,
    },
    corsOrigins: options.corsOrigins ?? ["*"],
    onInternalError: options.onInternalError ?? console.error,
  });
  const server = createHttpServer(options);
  server.on("request", (request, response) => pipeline.receive(request, response, false));
  server.on("checkContinue", (request, response) => pipeline.receive(request, response, true));
  await listen(server, options.port ?? 0, options.host ?? "127.0.0.1");
  const { port } = server.address() as AddressInfo;
  const host = options.host ?? "127.0.0.1";
  return {
    url: `${options.tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    faults: pipeline.faults,
    requestCount: (operation) => pipeline.requestCount(operation),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await pipeline.settle();
      await state.blobs.close();
    },
  };
}

async function openState(options: DevS3ServerOptions, now: () => number): Promise<S3State> {
  const discards = options.discard ?? false;
  if (!discards) mkdirSync(options.directory, { recursive: true });
  const blobs = discards ? createDiscardingBlobs() : await openDiskBlobs(join(options.directory, "blobs"));
  const catalog = new Catalog(blobs, discards ? undefined : new CatalogFiles(options.directory), options);
  await blobs.removeUnreferenced();
  return {
    catalog,
    blobs,
    now,
    etags: options.etags ?? "opaque",
    verifyChecksums: options.verifyChecksums ?? !discards,
    multipartMinPartBytes: options.multipartMinPartBytes ?? MULTIPART_MIN_PART_BYTES,
    bodyIdleTimeoutMs: options.bodyIdleTimeoutMs ?? BODY_IDLE_TIMEOUT_MS,
  };
}

function createHttpServer(options: DevS3ServerOptions): Server {
  const http = {
    keepAliveTimeout: options.keepAliveTimeoutMs ?? KEEP_ALIVE_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // Uploads take as long as they take; silent ones are ended by the body's own timeout.
    requestTimeout: 0,
    noDelay: true,
  };
  if (options.tls === undefined) return createServer(http);
  return createTlsServer({ ...http, ...options.tls, minVersion: "TLSv1.3" });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
