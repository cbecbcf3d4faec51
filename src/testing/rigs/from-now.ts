/**
 * A time so many milliseconds after the present, or before it when negative: at least a minute away, for systems whose own clock
 * is the real one, such as the expiry of a token or of a URL. Tests read the clock by nothing else (text-rules.ts), so none
 * can assert how long something took: benchmarks measure that.
 */
export function fromNow(offsetMs: number): Date {
  if (Math.abs(offsetMs) < 60_000) throw new RangeError(`${offsetMs} ms from now is a race; take a minute or more`);
  return new Date(Date.now() + offsetMs);
}

/** A second from now, for a deadline whose passing is what a test waits for, however late it is seen. */
export function soon(): Date {
  return new Date(Date.now() + 1000);
}
