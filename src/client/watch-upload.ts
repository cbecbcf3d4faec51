import { durationMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import type { File, Receipt } from "../../gen/sluice/v1/file_pb.ts";
import { UploadService, UploadState, type WatchUploadResponse } from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Addresses } from "./addresses.ts";
import type { CallAddress, CallOptions } from "./call.ts";
import {
  createRetries,
  FIRST_TRIES_MAX,
  isRetryable,
  RETRY_LIMITS_DEFAULT,
  type RetryLimits,
  type RetryOptions,
} from "./retry-policy.ts";
import { fromConnectError, SluiceError } from "./sluice-error.ts";

/** The service sends something every 5 s. A stream that is silent for this long, in milliseconds, counts as cut. */
const SILENCE_MAX_MS = 20_000;

type WatchedState = "unspecified" | "open" | "completing" | "assembled" | "committed" | "aborted" | "expired";

/** A later service may know more states: they count as unspecified, and the watch goes on. */
const STATES: Readonly<Record<number, WatchedState>> = {
  [UploadState.OPEN]: "open",
  [UploadState.COMPLETING]: "completing",
  [UploadState.ASSEMBLED]: "assembled",
  [UploadState.COMMITTED]: "committed",
  [UploadState.ABORTED]: "aborted",
  [UploadState.EXPIRED]: "expired",
};

/** The progress of an upload, whoever writes it. Bytes count from the start of the file. */
export interface WatchedUpload {
  path: string;
  /** "committed", "aborted" and "expired" are outcomes: the last report has one of them. */
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
  /** The file and the proof of its stored bytes; present once committed. */
  file: File | undefined;
  receipt: Receipt | undefined;
}

/** Options of a watch. */
export interface WatchOptions extends CallOptions {
  retry?: Partial<RetryLimits>;
  silenceMaxMs?: number;
  /** Called at each failure after which the stream is opened again. */
  onFailure?: (failure: SluiceError) => void;
}

/**
 * Watches uploads over Connect transports, for Node and browsers: there is a report at once, at each change, and every 5 s.
 * The outcome is the last report. When a stream is cut or silent, it is opened again at the next address. Rejects with
 * `SluiceError`, or with the signal's reason.
 */
export function createUploadWatch(
  addresses: Addresses<CallAddress>,
  { renew }: Pick<RetryOptions, "renew">,
): (uploadId: string, options?: WatchOptions) => AsyncGenerator<WatchedUpload, void, undefined> {
  return async function* watchUpload(uploadId, options = {}) {
    const { namespace = "default", signal = new AbortController().signal, silenceMaxMs = SILENCE_MAX_MS } = options;
    const route = addresses.route();
    const limits = { ...RETRY_LIMITS_DEFAULT, ...options.retry };
    const triesMax = Math.min(Math.max(FIRST_TRIES_MAX, route.length), limits.triesMax);
    let hasAnswered = false;
    let retries = createRetries({ ...limits, triesMax }, { route, renew });
    const open = (stop: AbortSignal) =>
      createClient(UploadService, route.current.transport).watchUpload({ namespace, uploadId }, { signal: stop });
    for (;;) {
      try {
        let reports = 0;
        for await (const message of readStream(open, { signal, silenceMaxMs })) {
          if (!hasAnswered) retries = createRetries(limits, { route, renew });
          hasAnswered = true;
          // The first report of a stream is no progress: a stream may be cut after its first report every time.
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

/** The messages of one stream, which is cancelled when nobody reads on. Time that the reader takes does not count as silence. */
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
