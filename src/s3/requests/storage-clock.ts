/**
 * S3's clock, from S3's answers. S3 judges signatures and the ends of URLs by it, whatever the clock of this host says.
 *
 * An answer's Date is in whole seconds, and was written at some moment between the request and the answer. So it bounds how
 * far S3's clock can be ahead of ours, from below and above. The offset moves only when an answer contradicts it, and then to
 * the middle of its bounds. With clocks that agree it stays zero, and it does not change a little with every answer.
 */
export class StorageClock {
  readonly #ours: () => number;
  #offsetMs = 0;

  /** `ours` is this host's clock, in milliseconds since the epoch. */
  constructor(ours: () => number = Date.now) {
    this.#ours = ours;
  }

  /** How far S3's clock is ahead of this host's, in milliseconds; negative when behind. Zero until an answer contradicts. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** The time by S3's clock. */
  now(): Date {
    return new Date(this.#ours() + this.#offsetMs);
  }

  /** Must be called when a request begins. Call the result with the Date of its answer; an invalid Date is ignored. */
  begin(): (date: string | undefined) => void {
    const sentMs = this.#ours();
    return (date) => {
      const dateMs = Date.parse(date ?? "");
      if (Number.isNaN(dateMs)) return;
      const leastMs = dateMs - this.#ours();
      const mostMs = dateMs + 1000 - sentMs;
      if (this.#offsetMs < leastMs || this.#offsetMs > mostMs) this.#offsetMs = Math.round((leastMs + mostMs) / 2);
    };
  }
}
