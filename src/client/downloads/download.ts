import type { Writable } from "node:stream";
import type { File } from "../../../gen/sluice/v1/file_pb.ts";
import { crc32 } from "../../domain/crc32.ts";
import { createRetries, RETRY_LIMITS_DEFAULT, type RetryLimits } from "../connection/retry-policy.ts";
import { SluiceError } from "../sluice-error.ts";
import { createRateMeter } from "../uploads/upload-progress.ts";
import { downloadRanges, RenewedUrl } from "./download-ranges.ts";
import { createStreamSink, type DownloadSink, openFileSink } from "./download-sink.ts";

/** Bytes that are gathered before a write to disk: 1 MiB takes one system call instead of sixteen. */
const WRITE_SIZE_BYTES = 2 ** 20;

/** Requests to storage at once. */
const CONNECTIONS_DEFAULT = 4;
const CONNECTIONS_MAX = 64;

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
  /** Requests to storage at once, for files of more than 8 MiB; four when unset. Each takes 8 MiB of memory. */
  connections?: number;
  retry?: Partial<RetryLimits>;
  signal?: AbortSignal;
}

/** Signs a new URL for the file: URLs expire, and a download may take longer. */
type SignUrl = (signal: AbortSignal) => Promise<{ url: string; file: File }>;

/**
 * Downloads through a presigned URL by several ranges at once, continues them after cuts, and compares the CRC32 of all bytes with the file's.
 * Rejects with `DOWNLOAD_CORRUPT` when they differ, with `DESTINATION_UNWRITABLE`, or with the errors of `sign`.
 */
export async function download(sign: SignUrl, destination: string | Writable, options: DownloadOptions): Promise<File> {
  const signal = options.signal ?? new AbortController().signal;
  assertConnections(options.connections);
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

function assertConnections(connections: number | undefined): void {
  if (
    connections === undefined ||
    (Number.isInteger(connections) && connections >= 1 && connections <= CONNECTIONS_MAX)
  )
    return;
  const message = `connections is ${connections}; it is a whole number from 1 to ${CONNECTIONS_MAX}`;
  throw new SluiceError("invalid_argument", message, { reason: "ARGUMENT_INVALID" });
}

async function fetchAll(
  first: { url: string; file: File },
  sign: SignUrl,
  { sink, options, signal }: { sink: DownloadSink; options: DownloadOptions; signal: AbortSignal },
): Promise<void> {
  const totalBytes = Number(first.file.sizeBytes);
  const resumedBytes = sink.offset;
  const meter = createRateMeter();
  const report = () => {
    const bytesPerSecond = meter.add(sink.offset, performance.now());
    const etaMs = bytesPerSecond > 0 ? ((totalBytes - sink.offset) * 1000) / bytesPerSecond : undefined;
    options.onProgress?.({ receivedBytes: sink.offset, totalBytes, resumedBytes, bytesPerSecond, etaMs });
  };
  report();
  const pieces = downloadRanges(
    {
      offset: sink.offset,
      end: totalBytes,
      connections: options.connections ?? CONNECTIONS_DEFAULT,
      url: new RenewedUrl(first.url, () => signAgain(first, sign, signal)),
      retries: () => createRetries({ ...RETRY_LIMITS_DEFAULT, ...options.retry }),
      signal,
    },
    WRITE_SIZE_BYTES,
  );
  for await (const next of pieces) {
    await sink.write(next);
    for (const piece of next) {
      sink.crc32 = crc32(piece, sink.crc32);
      sink.offset += piece.length;
    }
    report();
  }
}

async function signAgain({ file }: { file: File }, sign: SignUrl, signal: AbortSignal): Promise<string> {
  const again = await sign(signal);
  if (again.file.fileId === file.fileId) return again.url;
  const message = `"${file.path}" was replaced while it was downloaded; download it again`;
  throw new SluiceError("aborted", message, { reason: "SOURCE_CHANGED" });
}
