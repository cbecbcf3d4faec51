import { durationMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import type { File, Receipt } from "../../../gen/sluice/v1/file_pb.ts";
import { UploadService, UploadState, type WatchUploadResponse } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { Addresses } from "../connection/addresses.ts";
import type { RetryOptions } from "../connection/retry-policy.ts";
import type { CallAddress, CallOptions } from "./call.ts";
import { type FollowedStream, type FollowOptions, followStream } from "./follow-stream.ts";

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
export interface WatchOptions extends CallOptions, FollowOptions {}

/**
 * Watches uploads over Connect transports, for Node and browsers: there is a report at once, at each change, and every 5 s.
 * The outcome is the last report. When a stream is cut or silent, it is opened again at the next address. Rejects with
 * `SluiceError`, or with the signal's reason.
 */
export function createUploadWatch(
  addresses: Addresses<CallAddress>,
  { renew }: Pick<RetryOptions, "renew">,
): (uploadId: string, options?: WatchOptions) => AsyncGenerator<WatchedUpload, void, undefined> {
  return async function* watchUpload(uploadId, { namespace = "default", ...options } = {}) {
    const stream: FollowedStream<WatchUploadResponse> = {
      open: (transport, signal) =>
        createClient(UploadService, transport).watchUpload({ namespace, uploadId }, { signal }),
      what: "the upload's progress",
    };
    for await (const message of followStream(addresses, stream, { ...options, renew })) {
      const report = toReport(message);
      yield report;
      if (isOutcome(report)) return;
    }
  };
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
