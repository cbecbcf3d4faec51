/** How often a condition is checked, and how long until it counts as failed, in milliseconds. */
const CHECK_EVERY_MS = 5;
const TIMEOUT_MS = 60_000;

/** Resolves to the first value of `check` that is neither undefined nor false; rejects with a sentence after a minute. */
export async function until<T>(what: string, check: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  for (const endsAt = performance.now() + TIMEOUT_MS; ; ) {
    const seen = await check();
    if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
    if (performance.now() > endsAt) throw new Error(`waited ${TIMEOUT_MS / 1000} s in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));
  }
}
