import { AsyncLocalStorage } from "node:async_hooks";

/**
 * The same result; where it is a stream, its generator runs as a part of the call that has made it. The body of an async generator runs in
 * the context of whoever calls `next`, which may be an event of a socket: its statements would then belong to no trace, or to that of
 * another call.
 */
export function bindResult<T>(result: T): T {
  const isStream = typeof result === "object" && result !== null && Symbol.asyncIterator in result;
  return isStream ? (bindItems(result as AsyncIterable<unknown>) as T) : result;
}

function bindItems<T>(items: AsyncIterable<T>): AsyncIterableIterator<T> {
  const inCall = AsyncLocalStorage.snapshot();
  const source = items[Symbol.asyncIterator]();
  const bound: AsyncIterableIterator<T> = {
    [Symbol.asyncIterator]: () => bound,
    next: () => inCall(() => source.next()),
    return: (value) => inCall(async () => (await source.return?.(value)) ?? { done: true, value }),
  };
  return bound;
}
