import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../../domain/caller.ts";
import { toCallOptions } from "./caller-context.ts";
import { type ErrorLog, translateError } from "./error-interceptor.ts";
import { currentArrival } from "./message-arrival.ts";

/** A message that is to come. */
export interface MessageToAdmit {
  /** Undefined where the caller does not say. */
  readonly declaredBytes: number | undefined;
  /** Name of the connection that it comes by, unique in this process. */
  readonly connection: string;
  readonly receivedBytes: number;
  readonly isWhole: boolean;
  /** Ends its call with this error, in the middle of the message. */
  refuse(error: Error): void;
  /** Has that done when none of it comes for so long, once it is read. */
  expectBytesWithin(timeoutMs: number, toError: () => Error): void;
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
    const { caller, signal } = toCallOptions(context);
    try {
      const release = await admit(currentArrival(), { caller, signal });
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
