import type { Addresses } from "../connection/addresses.ts";
import {
  createRetries,
  isRetryable,
  RETRY_LIMITS_DEFAULT,
  type RetryLimits,
  type RetryOptions,
} from "../connection/retry-policy.ts";
import { fromConnectError, SluiceError } from "../sluice-error.ts";
import type { CallAddress } from "./call.ts";

/** The service sends something every 5 s. A stream that is silent for this long, in milliseconds, counts as cut. */
const SILENCE_MAX_MS = 20_000;

/** Options of a stream that is followed. */
export interface FollowOptions {
  signal?: AbortSignal;
  retry?: Partial<RetryLimits>;
  silenceMaxMs?: number;
  /** Called at each failure after which the stream is opened again. */
  onFailure?: (failure: SluiceError) => void;
}

/** A stream of messages that has no end of its own. */
export interface FollowedStream<M> {
  /** Opens the stream at an address; it ends when `stop` aborts. */
  open(transport: CallAddress["transport"], stop: AbortSignal): AsyncIterable<M>;
  /** What it tells, for messages: "the upload's progress". */
  what: string;
}

/**
 * Yields the messages of a stream, which is opened again at the next address when it is cut, ends or is silent, until nobody reads on. Rejects
 * with `SluiceError` once the retries are used up, or with the signal's reason.
 */
export async function* followStream<M>(
  addresses: Addresses<CallAddress>,
  { open, what }: FollowedStream<M>,
  { renew, ...options }: FollowOptions & Pick<RetryOptions, "renew">,
): AsyncGenerator<M, void, undefined> {
  const { signal = new AbortController().signal, silenceMaxMs = SILENCE_MAX_MS } = options;
  const route = addresses.route();
  const limits = { ...RETRY_LIMITS_DEFAULT, ...options.retry };
  let hasAnswered = false;
  const retries = createRetries(limits, { route, renew });
  const lost = (how: string) =>
    new SluiceError("unavailable", `the stream of ${what} was lost: ${how}`, { reason: "CONNECTION_LOST" });
  for (;;) {
    try {
      let messages = 0;
      const openHere = (stop: AbortSignal) => open(route.current.transport, stop);
      for await (const message of readStream(openHere, { signal, silenceMaxMs, lost })) {
        route.noteAnswer();
        // The first message of a later stream is no progress: a stream may be cut after its first message every time.
        if (++messages > 1 || !hasAnswered) retries.reset();
        hasAnswered = true;
        yield message;
      }
      throw lost("it ended");
    } catch (error) {
      const failure = fromConnectError(error, signal);
      if (isRetryable(failure)) options.onFailure?.(failure);
      await retries.waitAfter(failure, { signal });
    }
  }
}

/** The messages of one stream, which is cancelled when nobody reads on. Time that the reader takes does not count as silence. */
async function* readStream<M>(
  open: (stop: AbortSignal) => AsyncIterable<M>,
  { signal, silenceMaxMs, lost }: { signal: AbortSignal; silenceMaxMs: number; lost: (how: string) => SluiceError },
): AsyncGenerator<M, void, undefined> {
  const stopping = new AbortController();
  const messages = open(AbortSignal.any([signal, stopping.signal]))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(() => stopping.abort(lost(`it was silent for ${silenceMaxMs / 1000} s`)), silenceMaxMs);
      const next = await messages.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    throw stopping.signal.aborted ? stopping.signal.reason : error;
  } finally {
    stopping.abort();
  }
}
