import { type CallEnd, isOwnFailure, type ObservedCall, toOutcome } from "./observed-call.ts";

/** Where the lines go; a pino logger fits. */
export interface CallLines {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Lines of calls of one method that ended with the same reason, in each window: enough to see what happens, too few to fill a disk. */
export const FAILURE_LINES_MAX = 100;
/** How long a window lasts, in milliseconds. */
export const FAILURE_WINDOW_MS = 10_000;

/** Whoever watches the service asks every few seconds. */
const HEALTH = "grpc.health.v1.Health/";

/**
 * Writes one line for each call when it has ended: who called what from where, how it ended, how many bytes of files it carried, and
 * how long it took. Of calls that fail alike, FAILURE_LINES_MAX have a line of their own in each window, and all others share one
 * when it is over. `startTimer` calls its function once, after that many milliseconds.
 */
export function createCallLog(
  log: CallLines,
  { startTimer }: { startTimer: (work: () => void, delayMs: number) => void },
): (call: ObservedCall, end: CallEnd) => void {
  const failures = new Map<string, { fields: object; calls: number }>();
  const endWindow = () => {
    for (const { fields, calls } of failures.values()) {
      const unwritten = calls - FAILURE_LINES_MAX;
      if (unwritten > 0)
        log.warn({ ...fields, calls: unwritten }, "more calls failed alike, without lines of their own");
    }
    failures.clear();
  };
  const isWritten = (fields: { method: string; outcome: string }) => {
    if (failures.size === 0) startTimer(endWindow, FAILURE_WINDOW_MS);
    const key = `${fields.method} ${fields.outcome}`;
    const alike = failures.get(key) ?? { fields, calls: 0 };
    alike.calls++;
    failures.set(key, alike);
    return alike.calls <= FAILURE_LINES_MAX;
  };
  return (call, end) => {
    const { method } = call;
    const outcome = toOutcome(call, end);
    if (outcome !== "OK" && !isWritten({ method, outcome })) return;
    const level = isOwnFailure(call) ? "warn" : method.startsWith(HEALTH) ? "debug" : "info";
    log[level](toFields(call, { ...end, outcome }), "call");
  };
}

function toFields(
  { face, method, caller, namespace, fileBytes, traceId, spanId, connectedFrom }: ObservedCall,
  { outcome, durationMs }: CallEnd & { outcome: string },
): object {
  return {
    method,
    face,
    outcome,
    durationMs: Math.round(durationMs * 10) / 10,
    ...(namespace !== "" && { namespace }),
    ...(caller !== undefined && { principal: caller.principal, tokenKind: caller.tokenKind }),
    ...(fileBytes > 0 && { fileBytes }),
    address: caller?.address ?? connectedFrom,
    traceId,
    ...(spanId !== undefined && { spanId }),
  };
}
