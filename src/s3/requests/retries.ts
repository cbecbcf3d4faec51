import type { RetryBudget, RetryBudgetLimits } from "../../domain/limits/retry-budget.ts";
import { toS3Failure } from "../errors.ts";
import { BREAKER_OPEN_CODE } from "./breaker.ts";
import type { ConnectionLimits } from "./connections.ts";

/** Retries of a region's requests, beside the reserve: a tenth of them. */
const RETRY_SHARE = 0.1;

/** After a moment in which everything failed, each request that can be under way may be tried again once. */
export function toRetryLimits({ requestsMax }: Pick<ConnectionLimits, "requestsMax">): RetryBudgetLimits {
  return { share: RETRY_SHARE, reserveMax: Object.values(requestsMax).reduce((sum, max) => sum + max, 0) };
}

/**
 * Whether a request that failed may be tried again. A retry is taken from the budget, unless an open breaker refused the request:
 * it has not reached S3.
 */
export function mayTryAgain(error: unknown, budget: RetryBudget): boolean {
  if (toS3Failure(error) !== "retryable") return false;
  return (error as { code?: unknown }).code === BREAKER_OPEN_CODE || budget.take();
}
