/** How far an upload is, for people and programs. Bytes count from the start of the file, not of the connection. */
export interface UploadProgress {
  /** "verifying" reads what is durable already and compares; "committing" waits for the file to exist. */
  phase: "connecting" | "verifying" | "sending" | "committing" | "done";
  uploadId: string | undefined;
  /** Bytes that the service has taken. */
  receivedBytes: number;
  /** Bytes that S3 acknowledged and the database recorded. */
  durableBytes: number;
  /** Of those, the ones that an earlier run had made durable before this one began; undefined until the service says it. */
  resumedBytes: number | undefined;
  /** Whether the file exists: only then is the upload done. */
  committed: boolean;
  /** Size of the source; undefined until it is known. */
  totalBytes: number | undefined;
  /** Bytes a second that the service took of late; 0 while nothing is known. */
  bytesPerSecond: number;
  /** Milliseconds until all bytes are taken, at this rate; undefined while nothing is known. */
  etaMs: number | undefined;
  /** Failures in a row so far; 0 while all is well. */
  failures: number;
  /** What the last of them was, as a sentence; undefined while all is well. */
  failure: string | undefined;
}

/** Rates are taken over this much of the past, in milliseconds: steady enough to read, quick enough to believe. */
const RATE_WINDOW_MS = 5_000;

/** Measures bytes a second over the last five seconds. `now` in milliseconds, never falling. */
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

/** Keeps the progress of one upload and tells it at each change, as a copy. */
export interface ProgressReporter {
  readonly current: Readonly<UploadProgress>;
  /** Takes over what changed; a change of nothing is told too. */
  change(change: Partial<UploadProgress>): void;
  /** Takes an answer of the service; returns whether more became durable than was ever known to be. */
  take(answer: { receivedBytes: number; durableBytes: number }): boolean;
  /** One more failure; where nothing goes on beside it, rates begin anew. */
  fail(error: unknown, options?: { isSending: boolean }): void;
}

/** Reports to `listener`. `now` in milliseconds, never falling. */
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
