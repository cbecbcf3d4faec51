/** The times in which something was away, as a plan was executed. */
export class AwayTimes {
  readonly #spans: { fromMs: number; toMs: number; share: number }[] = [];

  /**
   * Notes that something was away from `fromMs` to `toMs`. `share` is the share of calls that needed it, from 0 to 1: that of a replica
   * is the share of the callers who went there.
   */
  add(fromMs: number, toMs: number, share: number): void {
    this.#spans.push({ fromMs, toMs, share });
  }

  /** The share of calls in a time of this length that found something away, if they came evenly: what was away at once counts once. */
  shareOf(totalMs: number): number {
    const moments = [...new Set(this.#spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].sort((a, b) => a - b);
    const away = moments.reduce((sum, fromMs, index) => {
      const toMs = moments[index + 1] ?? fromMs;
      const reached = this.#spans
        .filter((span) => span.fromMs <= fromMs && span.toMs >= toMs)
        .reduce((left, { share }) => left * (1 - share), 1);
      return sum + (toMs - fromMs) * (1 - reached);
    }, 0);
    return away / totalMs;
  }
}
