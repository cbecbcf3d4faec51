/** How many bytes had been received at a moment of a clock that never goes back. */
export interface RateSample {
  atMs: number;
  receivedBytes: number;
}

/**
 * Rates are taken over this much of the past, in milliseconds: replicas hear once a second what another one has
 * received, so that a shorter window would jump by what one such second holds.
 */
export const RATE_WINDOW_MS = 10_000;

/** Samples that span less, in milliseconds, say nothing yet. */
export const RATE_SPAN_MIN_MS = 2_000;

/** Samples closer than this, in milliseconds, add nothing: a window has 40 at most, and one before it. */
const SAMPLE_GAP_MS = 250;

/**
 * The samples that a rate is taken from once `sample` has come: those of the window, and the one that it begins with. Fewer
 * bytes than before mean that a new writer has begun behind the bytes of an earlier one: the samples then begin anew, too.
 */
export function addRateSample(samples: readonly RateSample[], sample: RateSample): RateSample[] {
  const last = samples.at(-1);
  if (last === undefined || sample.receivedBytes < last.receivedBytes) return [sample];
  // The newest always counts; it takes the place of one that came just before it.
  const before = samples.at(-2);
  const isClose = before !== undefined && last.atMs - before.atMs < SAMPLE_GAP_MS;
  const kept = isClose ? samples.slice(0, -1) : samples;
  const begin = kept.findLastIndex(({ atMs }) => sample.atMs - atMs >= RATE_WINDOW_MS);
  return [...kept.slice(Math.max(0, begin)), sample];
}

/** Bytes a second from the first sample to the last; undefined while they span too little to tell. */
export function toBytesPerSecond(samples: readonly RateSample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const spanMs = last.atMs - first.atMs;
  if (spanMs < RATE_SPAN_MIN_MS) return undefined;
  return ((last.receivedBytes - first.receivedBytes) * 1000) / spanMs;
}

/** Milliseconds until all bytes are received at this rate; undefined where size or rate are unknown, or nothing moves. */
export function toEtaMs(
  progress: { sizeBytes: number | undefined; receivedBytes: number },
  bytesPerSecond: number | undefined,
): number | undefined {
  if (progress.sizeBytes === undefined) return undefined;
  const restBytes = Math.max(0, progress.sizeBytes - progress.receivedBytes);
  if (restBytes === 0) return 0;
  return bytesPerSecond === undefined || bytesPerSecond === 0 ? undefined : (restBytes * 1000) / bytesPerSecond;
}
