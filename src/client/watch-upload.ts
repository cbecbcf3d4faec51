import { durationMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import type { File, Receipt } from "../../gen/sluice/v1/file_pb.ts";
import { UploadService, UploadState, type WatchUploadResponse } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Addresses } from "./addresses.ts";
import type { CallAddress, CallOptions } from "./call.ts";
import { createRetries, FIRST_TRIES_MAX, isRetryable, RETRY_LIMITS_DEFAULT, type RetryLimits } from "./retry-policy.ts";
import { fromConnectError, SluiceError } from "./sluice-error.ts";

/** The service gives a sign of life every 5 s; a stream that is silent for this long, in milliseconds, counts as cut. */
const SILENCE_MAX_MS = 20_000;

type WatchedState = "unspecified" | "open" | "completing" | "assembled" | "committed" | "aborted" | "expired";

/** A later service may know more states: they are open ends, and unspecified. */
const STATES: Readonly<Record<number, WatchedState>> = {
  [UploadState.OPEN]: "open",
  [UploadState.COMPLETING]: "completing",
  [UploadState.ASSEMBLED]: "assembled",
  [UploadState.COMMITTED]: "committed",
  [UploadState.ABORTED]: "aborted",
  [UploadState.EXPIRED]: "expired",
};

/** How far an upload is that somebody, somewhere, writes. Bytes count from the start of the file. */
export interface WatchedUpload {
  path: string;
  /** "committed", "aborted" and "expired" are outcomes: the last report has one. */
  state: WatchedState;
  /** Bytes that the service has taken. */
  receivedBytes: number;
  /** Bytes that S3 acknowledged and the database recorded. */
  durableBytes: number;
  /** Whether the file exists. */
  committed: boolean;
  /** Size of the file, once it is declared or known. */
  totalBytes: number | undefined;
  /** Bytes received a second over the last 10 s; undefined while nothing is known. */
  bytesPerSecond: number | undefined;
  /** Milliseconds until all bytes are received, at this rate; undefined while nothing is known, and after the end. */
  etaMs: number | undefined;
  /** The file and the proof of what is stored; present once committed. */
  file: File | undefined;
  receipt: Receipt | undefined;
}

/** What the caller may say about watching. */
export interface WatchOptions extends CallOptions {
  retry?: Partial<RetryLimits>;
  silenceMaxMs?: number;
  /** Told each failure after which the stream is opened again. */
  onFailure?: (failure: SluiceError) => void;
}

/**
 * Watching over Connect transports, for Node and browsers: a report at once, at each change, and every 5 s; the outcome is the
 * last. A stream that is cut, or silent, is opened again, at the next address. Rejects with `SluiceError`, or with the signal's reason.
 */
export function createUploadWatch(
  addresses: Addresses<CallAddress>,
): (uploadId: string, options?: WatchOptions) => AsyncGenerator<WatchedUpload, void, undefined> {
  return async function* watchUpload(uploadId, options = {}) {
    const { namespace = "default", signal = new AbortController().signal, silenceMaxMs = SILENCE_MAX_MS } = options;
    const route = addresses.route();
    const limits = { ...RETRY_LIMITS_DEFAULT, ...options.retry };
    const triesMax = Math.min(Math.max(FIRST_TRIES_MAX, route.length), limits.triesMax);
    let hasAnswered = false;
    let retries = createRetries({ ...limits, triesMax }, { route });
    const open = (stop: AbortSignal) =>
      createClient(UploadService, route.current.transport).watchUpload({ namespace, uploadId }, { signal: stop });
    for (;;) {
      try {
        let reports = 0;
        for await (const message of readStream(open, { signal, silenceMaxMs })) {
          if (!hasAnswered) retries = createRetries(limits, { route });
          hasAnswered = true;
          // One that is cut after its first answer each time has achieved nothing.
          if (++reports > 1) retries.reset();
          const report = toReport(message);
          yield report;
          if (isOutcome(report)) return;
        }
        throw lost("it ended before the outcome");
      } catch (error) {
        const failure = fromConnectError(error, signal);
        if (isRetryable(failure)) options.onFailure?.(failure);
        await retries.waitAfter(failure, { signal });
      }
    }
  };
}

/** The messages of one stream, cancelled when nobody reads on. Time that the reader takes is no silence. */
async function* readStream(
  open: (stop: AbortSignal) => AsyncIterable<WatchUploadResponse>,
  { signal, silenceMaxMs }: { signal: AbortSignal; silenceMaxMs: number },
): AsyncGenerator<WatchUploadResponse, void, undefined> {
  const stopping = new AbortController();
  const messages = open(AbortSignal.any([signal, stopping.signal]))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(() => stopping.abort(lost(`it was silent for ${silenceMaxMs / 1000} s`)), silenceMaxMs);
      const next = await messages.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    throw stopping.signal.aborted ? stopping.signal.reason : error;
  } finally {
    stopping.abort();
  }
}

function isOutcome({ state }: WatchedUpload): boolean {
  return state === "committed" || state === "aborted" || state === "expired";
}

function toReport(message: WatchUploadResponse): WatchedUpload {
  const { path, state, sizeBytes, receivedBytes, durableBytes, committed, bytesPerSecond, eta, file, receipt } =
    message;
  return {
    path,
    state: STATES[state] ?? "unspecified",
    receivedBytes: Number(receivedBytes),
    durableBytes: Number(durableBytes),
    committed,
    totalBytes: sizeBytes === undefined ? undefined : Number(sizeBytes),
    bytesPerSecond: bytesPerSecond === undefined ? undefined : Number(bytesPerSecond),
    etaMs: eta === undefined ? undefined : durationMs(eta),
    file,
    receipt,
  };
}

function lost(how: string): SluiceError {
  return new SluiceError("unavailable", `the stream of the upload's progress was lost: ${how}`, {
    reason: "CONNECTION_LOST",
  });
}
