import { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import type { OperationClass } from "./breaker.ts";

/** Requests of each class that are under way at once in a process. Each has a connection of its own. */
export type RequestsMax = Readonly<Record<OperationClass, number>>;

/**
 * The slots of requests to S3, by class: however many stalled readers or copies there are, the slots of uploads stay free,
 * and a probe always finds one. A request that waits for a slot has sent nothing yet: this wait is no failure of S3, and no
 * breaker counts it.
 */
export type RequestSlots = Readonly<Record<OperationClass, WorkLimiter>>;

/** Waiting requests of one class. Parts in flight are the most numerous: 1,000 uploads may have 16 parts each. */
const WAITING_MAX = 16_384;

/** Creates the slots. Principals of uploads divide those of bodies; the other classes are bounded before they come here. */
export function createRequestSlots(requestsMax: RequestsMax): RequestSlots {
  const create = (operation: OperationClass, callerShare?: number) =>
    new WorkLimiter("requests to storage", {
      runningMax: requestsMax[operation],
      waitingMax: WAITING_MAX,
      ...(callerShare !== undefined && { callerShare }),
    });
  return {
    body: create("body"),
    control: create("control", 1),
    read: create("read", 1),
    copy: create("copy", 1),
    probe: create("probe", 1),
  };
}
