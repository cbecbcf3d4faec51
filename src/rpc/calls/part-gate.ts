import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Caller } from "../../domain/caller.ts";
import { toCallOptions } from "./caller-context.ts";
import { type ErrorLog, translateError } from "./error-interceptor.ts";
import { currentArrival } from "./message-arrival.ts";

/** A message that is about to come. */
export interface MessageToAdmit {
  /** Undefined when the caller does not declare it. */
  readonly declaredBytes: number | undefined;
  /** Name of the message's connection, unique in this process. */
  readonly connection: string;
  readonly receivedBytes: number;
  readonly isWhole: boolean;
  /** Ends the message's call with this error, in the middle of the message. */
  refuse(error: Error): void;
  /** Ends the call with the error of `toError` when no byte of the message comes for `timeoutMs`, once the message is read. */
  expectBytesWithin(timeoutMs: number, toError: () => Error): void;
}

/** Takes room for a message before it is read. The result gives the room back. */
export type AdmitPart = (
  message: MessageToAdmit,
  options: { caller: Caller; signal: AbortSignal },
) => Promise<() => void>;

const ADMISSION = createContextKey<{ release: () => void; isTaken: boolean } | undefined>(undefined, {
  description: "room for the message of a part",
});

/**
 * A request gate for Connect that lets a call of WritePart in when there is room for its message. Until then none of the body
 * is read, and HTTP's flow control holds the caller back. The room is given back when the call ends. A handler may take the
 * room over; it then gives it back itself.
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

/** Takes over the room that the gate took. Call the result when nobody needs the message's bytes any more. */
export function takeAdmission(context: HandlerContext): () => void {
  const admission = context.values.get(ADMISSION);
  if (admission === undefined) throw new Error(`${context.method.name} is served without its gate`);
  admission.isTaken = true;
  return admission.release;
}
