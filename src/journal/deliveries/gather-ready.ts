/**
 * Yields what comes in groups of at most `max`: a group ends where the next item would have to be waited for. Reads one item ahead.
 * Ends and rejects as the items do, once all that came before is yielded.
 */
export async function* gatherReady<T>(items: AsyncIterable<T>, max: number): AsyncGenerator<T[], void, undefined> {
  const iterator = items[Symbol.asyncIterator]();
  const readNext = () => {
    const next = iterator.next();
    // It may reject while the consumer works on the group before; it is awaited then.
    next.catch(() => {});
    return next;
  };
  let next = readNext();
  for (;;) {
    const first = await next;
    if (first.done === true) return;
    const group = [first.value];
    next = readNext();
    while (group.length < max) {
      const ready = await Promise.race([next.catch(() => undefined), untilTurn()]);
      if (ready === undefined || ready.done === true) break;
      group.push(ready.value);
      next = readNext();
    }
    yield group;
  }
}

/** Resolves when all that is ready now has had its turn. */
function untilTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)));
}
