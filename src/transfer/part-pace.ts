/** Weight of the newest sample: at four samples a second, the pace of two seconds ago counts a tenth of the present one. */
const NEWEST_SHARE = 0.25;
/** Samples closer together than this would tell the bursts of the network rather than the pace of the caller. */
const SAMPLE_MIN_MS = 50;

/**
 * How fast the bytes of a part come, by samples of how many are missing. Time in which the caller is held back does not count.
 * Times in milliseconds of any one clock.
 */
export class PartPace {
  #restBytes: number;
  /** How long bytes could come since the last sample, up to `#openSince`. */
  #openMs = 0;
  /** Since when bytes can come; undefined while the caller is held back. */
  #openSince: number | undefined;
  #bytesPerMs: number | undefined;

  /** `bytesPerMs`: how fast earlier parts of the same caller came, where there were any. */
  constructor(options: { restBytes: number; now: number; bytesPerMs: number | undefined }) {
    this.#restBytes = options.restBytes;
    this.#openSince = options.now;
    this.#bytesPerMs = options.bytesPerMs;
  }

  /** From now on the caller is held back. */
  holdBack(now: number): void {
    this.#openMs = this.#countOpenMs(now);
    this.#openSince = undefined;
  }

  /** From now on bytes can come again. */
  goOn(now: number): void {
    this.#openSince ??= now;
  }

  /** Takes a sample, unless the last one was too short ago. */
  sample(restBytes: number, now: number): void {
    const openMs = this.#countOpenMs(now);
    if (openMs < SAMPLE_MIN_MS) return;
    const newest = (this.#restBytes - restBytes) / openMs;
    this.#bytesPerMs =
      this.#bytesPerMs === undefined ? newest : this.#bytesPerMs + (newest - this.#bytesPerMs) * NEWEST_SHARE;
    this.#restBytes = restBytes;
    this.#openMs = 0;
    if (this.#openSince !== undefined) this.#openSince = now;
  }

  /** Bytes a millisecond; until the first sample, a mean since the beginning. Undefined while no byte has come. */
  at(restBytes: number, now: number): number | undefined {
    if (this.#bytesPerMs !== undefined) return this.#bytesPerMs;
    const cameBytes = this.#restBytes - restBytes;
    return cameBytes === 0 ? undefined : cameBytes / Math.max(this.#countOpenMs(now), 0.01);
  }

  #countOpenMs(now: number): number {
    return this.#openMs + (this.#openSince === undefined ? 0 : now - this.#openSince);
  }
}
