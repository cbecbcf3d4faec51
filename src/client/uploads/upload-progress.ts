/** The progress of an upload, for people and programs. Bytes count from the start of the file, not of the connection. */
export interface UploadProgress {
  /** "verifying" reads the durable bytes and compares them; "committing" waits until the file exists. */
  phase: "connecting" | "verifying" | "sending" | "committing" | "done";
  uploadId: string | undefined;
  /** Bytes that the service has taken. */
  receivedBytes: number;
  /** Bytes that S3 acknowledged and the database recorded. */
  durableBytes: number;
  /** Durable bytes from an earlier run, before this one began; undefined until the service tells. */
  resumedBytes: number | undefined;
  /** Whether the file exists: only then is the upload done. */
  committed: boolean;
  /** Size of the source; undefined until it is known. */
  totalBytes: number | undefined;
  /** Bytes a second that the service took recently; 0 while nothing is known. */
  bytesPerSecond: number;
  /** Milliseconds until all bytes are taken, at this rate; undefined while nothing is known. */
  etaMs: number | undefined;
  /** Failures in a row so far; 0 while all is well. */
  failures: number;
  /** The last of these failures, as a sentence; undefined while all is well. */
  failure: string | undefined;
}

/** Rates are measured over this much of the past, in milliseconds: steady enough to read, and quick enough to be believed. */
const RATE_WINDOW_MS = 5_000;

/** Measures bytes a second over the last five seconds. `now` is in milliseconds and never decreases. */
export function createRateMeter(): { add(totalBytes: number, now: number): number; reset(): void } {
  let samples: { at: number; totalBytes: number }[] = [];
  return {
    add(totalBytes, now) {
      samples.push({ at: now, totalBytes });
      while (samples.length > 2 && now - (samples[1]?.at ?? now) >= RATE_WINDOW_MS) samples.shift();
      const first = samples[0] as { at: number; totalBytes: number };
      const elapsedMs = now - first.at;
      return elapsedMs <= 0 ? 0 : Math.max(0, ((totalBytes - first.totalBytes) * 1000) / elapsedMs);
    },
    reset() {
      samples = [];
    },
  };
}

/** Keeps the progress of one upload, and reports a copy of it at each change. */
export interface ProgressReporter {
  readonly current: Readonly<UploadProgress>;
  /** Takes over a change. It is reported even when nothing differs. */
  change(change: Partial<UploadProgress>): void;
  /** Takes over an answer of the service. Returns whether more bytes are durable than was ever known before. */
  take(answer: { receivedBytes: number; durableBytes: number }): boolean;
  /** Counts one more failure. When nothing else is sending, the rate is measured anew. */
  fail(error: unknown, options?: { isSending: boolean }): void;
}

/** Reports to `listener`. `now` is in milliseconds and never decreases. */
export function createProgressReporter(
  start: Pick<UploadProgress, "uploadId" | "totalBytes">,
  listener: (progress: UploadProgress) => void,
  now: () => number = () => performance.now(),
): ProgressReporter {
  const meter = createRateMeter();
  let mostDurableBytes = 0;
  const current: UploadProgress = {
    phase: "connecting",
    ...start,
    receivedBytes: 0,
    durableBytes: 0,
    resumedBytes: undefined,
    committed: false,
    bytesPerSecond: 0,
    etaMs: undefined,
    failures: 0,
    failure: undefined,
  };
  const change = (fields: Partial<UploadProgress>) => listener({ ...Object.assign(current, fields) });
  return {
    current,
    change,
    take({ receivedBytes, durableBytes }) {
      const grown = durableBytes > mostDurableBytes;
      if (grown) mostDurableBytes = durableBytes;
      const bytesPerSecond = meter.add(receivedBytes, now());
      const { totalBytes, resumedBytes = durableBytes } = current;
      const known = totalBytes !== undefined && bytesPerSecond > 0;
      const etaMs = known ? ((totalBytes - receivedBytes) * 1000) / bytesPerSecond : undefined;
      const achieved = grown && { failures: 0, failure: undefined };
      change({ receivedBytes, durableBytes, resumedBytes, bytesPerSecond, etaMs, ...achieved });
      return grown;
    },
    fail(error, { isSending } = { isSending: false }) {
      const failure = error instanceof Error ? error.message : String(error);
      const failed = { failures: current.failures + 1, failure };
      if (isSending) return change(failed);
      meter.reset();
      change({ ...failed, phase: "connecting", bytesPerSecond: 0, etaMs: undefined });
    },
  };
}
