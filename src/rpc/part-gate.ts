import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../domain/caller.ts";
import { toCallOptions } from "./caller-context.ts";
import { type ErrorLog, toConnectError, translateError } from "./error-interceptor.ts";
import { arrivalOf, type MessageArrival } from "./message-arrival.ts";

/** A message that is to come. */
export interface MessageToAdmit {
  /** Undefined where the caller does not say. */
  messageBytes: number | undefined;
  /** Name of the connection that it comes by, unique in this process. */
  connection: string;
  readonly receivedBytes: number;
  readonly isWhole: boolean;
  /** Ends its call with this error, in the middle of the message. */
  refuse: (error: Error) => void;
  /** Has that done when none of it comes for so long, once it is read. */
  expectBytesWithin: (timeoutMs: number, toError: () => Error) => void;
}

/** What takes room for a message before it is read; the result gives it back. */
export type AdmitPart = (
  message: MessageToAdmit,
  options: { caller: Caller; signal: AbortSignal },
) => Promise<() => void>;

const ADMISSION = createContextKey<{ release: () => void; isTaken: boolean } | undefined>(undefined, {
  description: "room for the message of a part",
});

/**
 * A request gate for Connect that lets a call of WritePart in when there is room for its message: until then none of the
 * body is read, and the caller feels the windows of HTTP. What the gate took is given back when the call ends, or, once a
 * handler has taken it over, by that.
 */
export function createPartGate(
  admit: AdmitPart,
  options: { authenticate: (context: HandlerContext) => Promise<void>; log: ErrorLog },
): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    await options.authenticate(context);
    const { requestHeader } = context;
    const { caller, signal } = toCallOptions(context);
    try {
      const messageBytes = toLength(requestHeader.get("content-length"));
      const release = await admit(toMessage(arrivalOf(context), messageBytes), { caller, signal });
      const admission = { release, isTaken: false };
      context.values.set(ADMISSION, admission);
      const giveUp = () => {
        if (!admission.isTaken) release();
      };
      if (signal.aborted) giveUp();
      else signal.addEventListener("abort", giveUp, { once: true });
    } catch (error) {
      const method = `${context.service.typeName}/${context.method.name}`;
      throw translateError(error, { log: options.log, signal, method });
    }
  };
}

/** Takes over what the gate took for this call: to be given back when the message's bytes are needed no longer. */
export function takeAdmission(context: HandlerContext): () => void {
  const admission = context.values.get(ADMISSION);
  if (admission === undefined) throw new Error(`${context.method.name} is served without its gate`);
  admission.isTaken = true;
  return admission.release;
}

function toMessage(arrival: MessageArrival, messageBytes: number | undefined): MessageToAdmit {
  return {
    messageBytes,
    connection: arrival.connection,
    get receivedBytes() {
      return arrival.receivedBytes;
    },
    get isWhole() {
      return arrival.isWhole;
    },
    refuse: (error) => arrival.refuse(toConnectError(error)),
    expectBytesWithin: (timeoutMs, toError) => arrival.expectBytesWithin(timeoutMs, () => toConnectError(toError())),
  };
}

/** HTTP ends a message that is longer than it says, so what it says can be relied on. */
function toLength(header: string | null): number | undefined {
  return header !== null && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
