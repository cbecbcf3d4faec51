/** Weight of the newest look: what came some two seconds ago counts a tenth of what comes now, at four looks a second. */
const NEWEST_SHARE = 0.25;
/** Looks closer together than this say more of the network's bursts than of the caller. */
const SAMPLE_MIN_MS = 50;

/**
 * How fast the bytes of a part come, from looks at how many are missing, while nothing holds the caller back. Times in
 * milliseconds of any one clock.
 */
export class PartPace {
  #restBytes: number;
  /** How long bytes could come since `#restBytes` were missing, and since when it has to be counted on; undefined: they cannot. */
  #openMs = 0;
  #openSince: number | undefined;
  #bytesPerMs: number | undefined;

  /** `bytesPerMs`: how fast earlier parts of the same caller came, where there were any. */
  constructor(options: { restBytes: number; now: number; bytesPerMs: number | undefined }) {
    this.#restBytes = options.restBytes;
    this.#openSince = options.now;
    this.#bytesPerMs = options.bytesPerMs;
  }

  /** From now on nothing can come, which is not the caller's doing. */
  holdBack(now: number): void {
    this.#openMs = this.#countOpenMs(now);
    this.#openSince = undefined;
  }

  /** From now on bytes can come again. */
  goOn(now: number): void {
    this.#openSince ??= now;
  }

  /** A look; one too soon after the last counts for nothing. */
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

  /** Bytes a millisecond; until the first look, of what has come since the beginning. Undefined at the beginning itself. */
  at(restBytes: number, now: number): number | undefined {
    if (this.#bytesPerMs !== undefined) return this.#bytesPerMs;
    const cameBytes = this.#restBytes - restBytes;
    return cameBytes === 0 ? undefined : cameBytes / Math.max(this.#countOpenMs(now), 0.01);
  }

  #countOpenMs(now: number): number {
    return this.#openMs + (this.#openSince === undefined ? 0 : now - this.#openSince);
  }
}
