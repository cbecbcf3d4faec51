import { createContextKey, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { NodeRequest } from "./node-messages.ts";

const ARRIVAL = createContextKey<MessageArrival | undefined>(undefined, { description: "how the message arrives" });
const connectionNames = new WeakMap<object, string>();
let connections = 0;

/** The message of a call while its bytes arrive: how far it is, and the power to refuse it in the middle. */
export class MessageArrival {
  /** Name of the connection that it comes by, unique in this process: what comes by it is one caller's, or one proxy's. */
  readonly connection: string;
  receivedBytes = 0;
  /** Whether all of it is there. */
  isWhole = false;
  readonly #refused = Promise.withResolvers<never>();
  #isRefused = false;
  #silence: { timeoutMs: number; toError: () => Error } | undefined;

  constructor(connection: string) {
    this.connection = connection;
    this.#refused.promise.catch(() => {});
  }

  /** Whether its call ends before the message does. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Ends the call with this error; nothing more of the message is read. */
  refuse(error: Error): void {
    this.#isRefused = true;
    this.#refused.reject(error);
  }

  /** Refuses the message when none of it comes for so long. To be said before it is read: until then no caller is slow. */
  expectBytesWithin(timeoutMs: number, toError: () => Error): void {
    this.#silence = { timeoutMs, toError };
  }

  /** The message's bytes as they come. */
  async *read(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    // The iterator is left alone in the end: to return it would destroy the stream that the answer has to take.
    const bytes = body[Symbol.asyncIterator]();
    const silence = this.#silence;
    const timer = silence && setTimeout(() => this.refuse(silence.toError()), silence.timeoutMs);
    try {
      for (;;) {
        const next = await Promise.race([bytes.next(), this.#refused.promise]);
        if (next.done === true) break;
        this.receivedBytes += next.value.length;
        timer?.refresh();
        yield next.value;
      }
      this.isWhole = true;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Has a call's message watched as it arrives by a connection of this name. */
export function watchArrival(
  connection: string,
  universal: UniversalServerRequest,
): { arrival: MessageArrival; watched: UniversalServerRequest } {
  const arrival = new MessageArrival(connection);
  const contextValues = (universal.contextValues ?? createContextValues()).set(ARRIVAL, arrival);
  // What a framework in front has parsed already would not be bytes; there is none here.
  const body = arrival.read(universal.body as AsyncIterable<Uint8Array>);
  return { arrival, watched: { ...universal, body, contextValues } };
}

/** How the message of a call arrives. */
export function arrivalOf(context: Pick<HandlerContext, "values">): MessageArrival {
  const arrival = context.values.get(ARRIVAL);
  if (arrival === undefined) throw new Error("the call's message is not watched");
  return arrival;
}

/** A name for the connection of a request, unique in this process. */
export function nameConnection(request: NodeRequest): string {
  const connection = ("stream" in request ? request.stream.session : undefined) ?? request.socket;
  const name = connectionNames.get(connection) ?? String(++connections);
  connectionNames.set(connection, name);
  return name;
}
