import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import type { Writable } from "node:stream";
import type { File } from "../../gen/sluice/v1/file_pb.ts";
import { crc32 } from "../domain/crc32.ts";
import { createStreamSink, type DownloadSink, openFileSink } from "./download-sink.ts";
import { createRetries, RETRY_LIMITS_DEFAULT, type RetryLimits } from "./retry-policy.ts";
import { fromNetworkError, SluiceError } from "./sluice-error.ts";
import { createRateMeter } from "./upload-progress.ts";

/** When a connection to storage brings nothing for this long, in milliseconds, it is given up and the rest is requested again. */
const IDLE_MAX_MS = 30_000;

/** Bytes that are gathered before a write to disk: 1 MiB takes one system call instead of sixteen. */
const WRITE_SIZE_BYTES = 2 ** 20;

/** The progress of a download. */
export interface DownloadProgress {
  receivedBytes: number;
  totalBytes: number;
  /** Bytes that were there before this run. */
  resumedBytes: number;
  bytesPerSecond: number;
  etaMs: number | undefined;
}

/** Options of a download. */
export interface DownloadOptions {
  /** The generation to download; the current one when unset. */
  generation?: bigint;
  /** Called at the start and at each write, some thousand times for a GiB. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Whether to continue an earlier `.part` file; true when unset. */
  resume?: boolean;
  retry?: Partial<RetryLimits>;
  signal?: AbortSignal;
}

/** Signs a new URL for the file: URLs expire, and a download may take longer. */
type SignUrl = (signal: AbortSignal) => Promise<{ url: string; file: File }>;

/**
 * Downloads through a presigned URL, continues by Range after cuts, and compares the CRC32 of all bytes with the file's.
 * Rejects with `DOWNLOAD_CORRUPT` when they differ, with `DESTINATION_UNWRITABLE`, or with the errors of `sign`.
 */
export async function download(sign: SignUrl, destination: string | Writable, options: DownloadOptions): Promise<File> {
  const signal = options.signal ?? new AbortController().signal;
  const first = await sign(signal);
  const sink =
    typeof destination === "string"
      ? await openFileSink(destination, {
          sizeMaxBytes: Number(first.file.sizeBytes),
          resume: options.resume !== false,
        })
      : createStreamSink(destination, signal);
  try {
    await fetchAll(first, sign, { sink, options, signal });
    if (sink.crc32 !== first.file.crc32 && sink.continued && (await sink.restart())) {
      await fetchAll(first, sign, { sink, options, signal });
    }
    if (sink.crc32 !== first.file.crc32) {
      await sink.restart();
      throw new SluiceError("data_loss", `the bytes of "${first.file.path}" do not have the CRC32 of the file`, {
        reason: "DOWNLOAD_CORRUPT",
      });
    }
    await sink.complete();
    return first.file;
  } finally {
    await sink.close();
  }
}

async function fetchAll(
  first: { url: string; file: File },
  sign: SignUrl,
  { sink, options, signal }: { sink: DownloadSink; options: DownloadOptions; signal: AbortSignal },
): Promise<void> {
  const totalBytes = Number(first.file.sizeBytes);
  const resumedBytes = sink.offset;
  const retries = createRetries({ ...RETRY_LIMITS_DEFAULT, ...options.retry });
  const meter = createRateMeter();
  const report = () => {
    const bytesPerSecond = meter.add(sink.offset, performance.now());
    const etaMs = bytesPerSecond > 0 ? ((totalBytes - sink.offset) * 1000) / bytesPerSecond : undefined;
    options.onProgress?.({ receivedBytes: sink.offset, totalBytes, resumedBytes, bytesPerSecond, etaMs });
  };
  report();
  let url: string | undefined = first.url;
  while (sink.offset < totalBytes) {
    try {
      url ??= await signAgain(first, sign, signal);
      await fetchRange(url, sink, { signal, totalBytes }, () => {
        retries.reset();
        report();
      });
    } catch (error) {
      signal.throwIfAborted();
      await retries.waitAfter(error, { signal });
      url = undefined;
    }
  }
}

async function signAgain({ file }: { file: File }, sign: SignUrl, signal: AbortSignal): Promise<string> {
  const again = await sign(signal);
  if (again.file.fileId === file.fileId) return again.url;
  const message = `"${file.path}" was replaced while it was downloaded; download it again`;
  throw new SluiceError("aborted", message, { reason: "SOURCE_CHANGED" });
}

async function fetchRange(
  url: string,
  sink: DownloadSink,
  { signal, totalBytes }: { signal: AbortSignal; totalBytes: number },
  onWritten: () => void,
): Promise<void> {
  const response = await request(url, sink.offset, signal);
  let pieces: Uint8Array[] = [];
  let gatheredBytes = 0;
  const flush = async () => {
    await sink.write(pieces);
    for (const piece of pieces) sink.crc32 = crc32(piece, sink.crc32);
    sink.offset += gatheredBytes;
    pieces = [];
    gatheredBytes = 0;
    onWritten();
  };
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece);
      gatheredBytes += piece.length;
      if (sink.offset + gatheredBytes > totalBytes) throw new Error("storage sent more bytes than the file has");
      if (gatheredBytes >= WRITE_SIZE_BYTES) await flush();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw fromNetworkError(error);
  }
  if (gatheredBytes > 0) await flush();
  if (sink.offset < totalBytes) throw lost("it ended before the end of the file");
}

async function request(url: string, offset: number, signal: AbortSignal): Promise<IncomingMessage> {
  const get = url.startsWith("https:") ? httpsGet : httpGet;
  const headers = offset > 0 ? { range: `bytes=${offset}-` } : {};
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = get(url, { headers, signal, agent: false, timeout: IDLE_MAX_MS }, resolve);
  outgoing.on("error", reject);
  outgoing.on("timeout", () => outgoing.destroy(lost(`it brought nothing for ${IDLE_MAX_MS / 1000} s`)));
  const response = await promise.catch((error: unknown) => {
    signal.throwIfAborted();
    throw fromNetworkError(error);
  });
  const range = response.headers["content-range"];
  if (response.statusCode === 206 && range?.startsWith(`bytes ${offset}-`)) return response;
  if (response.statusCode === 200 && offset === 0) return response;
  response.destroy();
  const { statusCode } = response;
  // 403 means that the URL has expired; a new one may work. The body is S3's XML and stays unread: it can quote the signed URL.
  if (statusCode === 403 || (statusCode ?? 0) >= 500) throw lost(`it answered with HTTP status ${statusCode}`);
  throw new SluiceError("internal", `storage refuses the presigned URL with HTTP status ${statusCode}`, {
    reason: `HTTP_${statusCode}`,
  });
}

function lost(how: string): SluiceError {
  return new SluiceError("unavailable", `the connection to storage was lost: ${how}`, { reason: "CONNECTION_LOST" });
}
