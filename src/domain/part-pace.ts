/** Weight of the newest look: what came some two seconds ago counts a tenth of what comes now, at four looks a second. */
const NEWEST_SHARE = 0.25;
/** Looks closer together than this say more of the network's bursts than of the caller. */
const LOOK_MIN_MS = 50;

/** How fast the bytes of a part come, from looks at how many are missing. Times in milliseconds of any one clock. */
export class PartPace {
  #restBytes: number;
  #at: number;
  #bytesPerMs: number | undefined;

  /** `bytesPerMs`: how fast earlier parts of the same caller came, where there were any. */
  constructor(options: { restBytes: number; now: number; bytesPerMs: number | undefined }) {
    this.#restBytes = options.restBytes;
    this.#at = options.now;
    this.#bytesPerMs = options.bytesPerMs;
  }

  /** A look. `isHeldBack`: nothing can come at present, which is not the caller's doing and leaves the pace as it is. */
  look(restBytes: number, { now, isHeldBack }: { now: number; isHeldBack: boolean }): void {
    const passedMs = now - this.#at;
    if (passedMs < LOOK_MIN_MS) return;
    if (!isHeldBack) {
      const newest = (this.#restBytes - restBytes) / passedMs;
      this.#bytesPerMs =
        this.#bytesPerMs === undefined ? newest : this.#bytesPerMs + (newest - this.#bytesPerMs) * NEWEST_SHARE;
    }
    this.#restBytes = restBytes;
    this.#at = now;
  }

  /** Bytes a millisecond; until the first look, of what has come since the beginning. Undefined at the beginning itself. */
  at(restBytes: number, now: number): number | undefined {
    if (this.#bytesPerMs !== undefined) return this.#bytesPerMs;
    const passedMs = now - this.#at;
    return this.#restBytes === restBytes ? undefined : (this.#restBytes - restBytes) / Math.max(passedMs, 0.01);
  }
}
