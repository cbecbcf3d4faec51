/** How often a condition is checked, in milliseconds. */
const CHECK_EVERY_MS = 5;
/** When a wait counts as one in vain, in milliseconds: it says so before mocha ends the test, and decides nothing else. */
const GIVE_UP_MS = 200_000;

/** Resolves to the first value of `check` that is neither undefined nor false; rejects with a sentence when none comes. */
export async function until<T>(what: string, check: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  for (const endsAt = performance.now() + GIVE_UP_MS; ; ) {
    const seen = await check();
    if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
    if (performance.now() > endsAt) throw new Error(`waited ${GIVE_UP_MS / 1000} s in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));
  }
}
