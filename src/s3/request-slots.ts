import { WorkLimiter } from "../domain/limits/work-limiter.ts";
import type { OperationClass } from "./breaker.ts";

/** Requests of each class that are under way at once, a process: each has a connection of its own. */
export type RequestsMax = Readonly<Record<OperationClass, number>>;

/**
 * The slots of requests to S3, by class: so many stalled readers or copies as there may be leave the slots of uploads alone,
 * and a probe always finds one. A request that waits for a slot has sent nothing yet: the wait is no failure of S3, and no breaker
 * counts it.
 */
export type RequestSlots = Readonly<Record<OperationClass, WorkLimiter>>;

/** Waiting requests of one class. Parts in flight are the most: so many wait as 1,000 uploads of 16 parts each may have. */
const WAITING_MAX = 16_384;

/** Creates the slots. Bodies are shared out by the principals of their uploads; the other classes are bounded before they come here. */
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
