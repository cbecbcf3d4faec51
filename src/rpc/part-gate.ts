import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import { connectionOf } from "./connection-name.ts";
import { type ErrorLog, translateError } from "./error-interceptor.ts";

/** What takes room for a message before it is read; the result gives it back. */
export type AdmitPart = (message: {
  messageBytes: number | undefined;
  /** Name of the connection that it comes by, unique in this process. */
  connection: string;
  signal: AbortSignal;
}) => Promise<() => void>;

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
    const { requestHeader, signal } = context;
    try {
      const messageBytes = toLength(requestHeader.get("content-length"));
      const release = await admit({ messageBytes, connection: connectionOf(context), signal });
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

/** HTTP ends a message that is longer than it says, so what it says can be relied on. */
function toLength(header: string | null): number | undefined {
  return header !== null && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}
