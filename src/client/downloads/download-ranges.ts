import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import type { Retries } from "../connection/retry-policy.ts";
import { fromNetworkError, SluiceError } from "../sluice-error.ts";

/** When a connection to storage brings nothing for this long, in milliseconds, it is given up and the rest is requested again. */
const IDLE_MAX_MS = 30_000;

/** Bytes of one request. A shorter file is one request. */
export const RANGE_BYTES = 8 * 2 ** 20;

/** The bytes of a file that are downloaded, and the means by which they are. */
export interface RangeOptions {
  /** First byte, and the one behind the last. */
  offset: number;
  end: number;
  /** Requests at once. */
  connections: number;
  url: RenewedUrl;
  retries: () => Retries;
  signal: AbortSignal;
}

/** A presigned URL that is signed anew when it does not work any more: URLs expire, and a download may take longer. */
export class RenewedUrl {
  readonly #sign: () => Promise<string>;
  #current: Promise<string>;

  constructor(first: string, sign: () => Promise<string>) {
    this.#current = Promise.resolve(first);
    this.#sign = sign;
  }

  get current(): Promise<string> {
    return this.#current;
  }

  /** Signs anew, unless that has been done since this URL was the current one. */
  renew(failed: Promise<string>): void {
    if (failed !== this.#current) return;
    this.#current = this.#sign();
    // A failure reaches whoever awaits `current`.
    this.#current.catch(() => {});
  }
}

/**
 * The bytes of a file from `offset` on, in order, in pieces of at least `pieceBytes` where there are as many. Several ranges are requested at once:
 * one connection over a distance brings no more than its window each round trip. What comes before its turn waits in memory: `connections` times
 * `RANGE_BYTES` at most. A cut range is continued where it was cut. Rejects when the retries are used up.
 */
export async function* downloadRanges(options: RangeOptions, pieceBytes: number): AsyncGenerator<Uint8Array[]> {
  const { end, connections } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const limits = { keepAlive: true, maxSockets: connections };
  const agents = { "http:": new HttpAgent(limits), "https:": new HttpsAgent(limits) };
  const ahead: RangeInFlight[] = [];
  try {
    for (let next = options.offset; next < end || ahead.length > 0; ) {
      while (next < end && ahead.length < connections) {
        const range = new RangeInFlight(next, Math.min(end, next + RANGE_BYTES));
        ahead.push(range);
        next = range.end;
        fetchRange(range, { ...options, agents, signal }).then(
          () => range.finish(undefined),
          (error: unknown) => range.finish({ error }),
        );
      }
      const range = ahead[0] as RangeInFlight;
      const pieces = await range.take(pieceBytes);
      if (pieces.length > 0) yield pieces;
      else ahead.shift();
    }
  } finally {
    stop.abort();
    for (const agent of Object.values(agents)) agent.destroy();
  }
}

/** A range on its way: its bytes wait here until it is their turn. */
class RangeInFlight {
  /** The next byte to come, and the one behind the last. */
  at: number;
  readonly end: number;
  #pieces: Uint8Array[] = [];
  #waitingBytes = 0;
  #outcome: { error: unknown } | "whole" | undefined;
  #wake = () => {};

  constructor(offset: number, end: number) {
    this.at = offset;
    this.end = end;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#waitingBytes += piece.length;
    this.at += piece.length;
    this.#wake();
  }

  finish(failure: { error: unknown } | undefined): void {
    this.#outcome = failure ?? "whole";
    this.#wake();
  }

  /** The pieces that wait, once they have so many bytes or are the last; none at the end. What came before an error comes before it is thrown. */
  async take(pieceBytes: number): Promise<Uint8Array[]> {
    while (this.#waitingBytes < pieceBytes && this.#outcome === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#pieces;
    this.#pieces = [];
    this.#waitingBytes = 0;
    if (taken.length === 0 && typeof this.#outcome === "object") throw this.#outcome.error;
    return taken;
  }
}

interface FetchOptions extends RangeOptions {
  agents: Agents;
}

type Agents = Readonly<Record<"http:" | "https:", HttpAgent>>;

async function fetchRange(range: RangeInFlight, options: FetchOptions): Promise<void> {
  const { url, signal } = options;
  const retries = options.retries();
  while (range.at < range.end) {
    const current = url.current;
    try {
      await fetchOnce(await current, range, { ...options, onPiece: () => retries.reset() });
    } catch (error) {
      signal.throwIfAborted();
      await retries.waitAfter(error, { signal });
      url.renew(current);
    }
  }
}

async function fetchOnce(
  url: string,
  range: RangeInFlight,
  { agents, end, signal, onPiece }: FetchOptions & { onPiece: () => void },
): Promise<void> {
  const response = await request(url, range, { agents, isLast: range.end === end, signal });
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      if (range.at + piece.length > range.end) throw new Error("storage sent more bytes than were asked for");
      range.push(piece);
      onPiece();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw fromNetworkError(error);
  }
  if (range.at < range.end) throw lost("it ended before the end of the file");
}

/** Asks for the rest of a range. The last range has no end, and a file that is one range is asked for whole. */
async function request(
  url: string,
  { at, end }: RangeInFlight,
  { agents, isLast, signal }: { agents: Agents; isLast: boolean; signal: AbortSignal },
): Promise<IncomingMessage> {
  const isWhole = at === 0 && isLast;
  const headers = isWhole ? {} : { range: `bytes=${at}-${isLast ? "" : end - 1}` };
  const [get, agent] = url.startsWith("https:") ? [httpsGet, agents["https:"]] : [httpGet, agents["http:"]];
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = get(url, { headers, signal, agent, timeout: IDLE_MAX_MS }, resolve);
  outgoing.on("error", reject);
  outgoing.on("timeout", () => outgoing.destroy(lost(`it brought nothing for ${IDLE_MAX_MS / 1000} s`)));
  const response = await promise.catch((error: unknown) => {
    signal.throwIfAborted();
    throw fromNetworkError(error);
  });
  if (response.statusCode === 206 && response.headers["content-range"]?.startsWith(`bytes ${at}-`)) return response;
  if (response.statusCode === 200 && isWhole) return response;
  response.destroy();
  const { statusCode } = response;
  // 403 means that the URL has expired; a new one may work. The body is S3's XML and stays unread: it can quote the signed URL.
  if (statusCode === 403 || (statusCode ?? 0) >= 500) throw lost(`it answered with HTTP status ${statusCode}`);
  throw new SluiceError("internal", `storage refuses the presigned URL with HTTP status ${statusCode}`, {
    reason: `HTTP_${statusCode}`,
  });
}

function lost(how: string): SluiceError {
  return new SluiceError("unavailable", `the connection to storage was lost: ${how}`, { reason: "CONNECTION_LOST" });
}
