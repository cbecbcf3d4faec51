import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import type { Addresses } from "../connection/addresses.ts";
import { createRetries, type RetryLimits, type RetryOptions } from "../connection/retry-policy.ts";
import { fromConnectError, SluiceError } from "../sluice-error.ts";

/** Answers are short: a call without an answer within this many milliseconds counts as lost. */
const CALL_TIMEOUT_MS = 30_000;

/** The time alone ends the tries: a restart of the service or of its database takes some seconds, whatever the waits were. */
const CALL_RETRY_LIMITS: RetryLimits = { triesMax: 1000, timeMaxMs: 30_000, delayBaseMs: 200, delayMaxMs: 5_000 };

/** Options that every call takes. */
export interface CallOptions {
  /** "default" when unset. */
  namespace?: string;
  signal?: AbortSignal;
}

/** An address of the service, and a Connect transport to it. */
export interface CallAddress {
  name: string;
  transport: Transport;
}

/** How one call is made: its signal, how long an answer may take, and who hears of the headers of each answer. */
interface UnaryOptions {
  signal: AbortSignal | undefined;
  timeoutMs?: number;
  onHeader?: (header: Headers) => void;
}

/** Calls one method of a service, until it has an answer or a final error. */
export type Call = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options: UnaryOptions,
) => Promise<MessageShape<O>>;

/** Calls by the addresses: each try goes to the next one. */
export function createCall(addresses: Addresses<CallAddress>, { renew }: Pick<RetryOptions, "renew">): Call {
  return async (method, request, { signal = new AbortController().signal, timeoutMs = CALL_TIMEOUT_MS, onHeader }) => {
    const route = addresses.route();
    const retries = createRetries(CALL_RETRY_LIMITS, { route, renew });
    for (;;) {
      try {
        const { transport } = route.current;
        const { header, message } = await transport.unary(method, signal, timeoutMs, undefined, request);
        onHeader?.(header);
        route.noteAnswer();
        return message;
      } catch (error) {
        const failure = toLost(fromConnectError(error, signal));
        // The same call cannot bring back bytes that storage has lost: the caller, who has the bytes, must learn which parts
        // are lost.
        if (failure instanceof SluiceError && failure.details.lost_parts !== undefined) throw failure;
        await retries.waitAfter(failure, { signal });
      }
    }
  };
}

/** No deadline exists but this client's own: the answer is lost, and another address may give it. */
function toLost(error: unknown): unknown {
  if (!(error instanceof SluiceError) || error.code !== "deadline_exceeded") return error;
  const message = `the service did not answer within ${CALL_TIMEOUT_MS / 1000} s`;
  return new SluiceError("unavailable", message, { reason: "CONNECTION_LOST", cause: error });
}

/** Returns a field that the answer must have; throws when the field is missing. */
export function present<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new SluiceError("internal", `the service's answer lacks the ${name}`, { reason: "PROTOCOL_VIOLATED" });
}

/** The entries of all pages of a list; the pages are fetched one after the other. */
export async function* allPages<Page extends { nextPageToken: string }, Entry>(
  read: (pageToken: string) => Promise<Page>,
  entriesOf: (page: Page) => readonly Entry[],
): AsyncGenerator<Entry, void, undefined> {
  let pageToken = "";
  do {
    const page = await read(pageToken);
    yield* entriesOf(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
