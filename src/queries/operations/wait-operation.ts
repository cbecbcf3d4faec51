import type { Caller } from "../../domain/caller.ts";
import { invalidArgument } from "../../domain/errors.ts";
import type { Operation } from "../../domain/jobs/operation.ts";
import { wait } from "../../domain/limits/backoff.ts";
import { findOperation, type OperationName, type OperationSight } from "./find-operation.ts";

/** Longest wait of one call, in milliseconds: load balancers cut calls that are silent for 60 s. */
export const OPERATION_WAIT_MAX_MS = 30_000;
/** How often an operation is looked at for a caller who waits, in milliseconds. */
const LOOK_EVERY_MS = 500;

/**
 * An operation once it has ended, or as it is after `timeoutMs`: that is no error. Errors as of `findOperation`, `invalid_argument /
 * ARGUMENT_INVALID` for a timeout that is not within 0 and OPERATION_WAIT_MAX_MS, and the signal's reason.
 */
export async function waitOperation(
  sight: OperationSight,
  request: OperationName & { timeoutMs: number | undefined },
  options: { caller: Caller; signal?: AbortSignal },
): Promise<Operation> {
  const { timeoutMs = OPERATION_WAIT_MAX_MS } = request;
  if (!(timeoutMs >= 0 && timeoutMs <= OPERATION_WAIT_MAX_MS))
    throw invalidArgument(
      "timeout",
      `timeout is ${timeoutMs} ms; send 0 to ${OPERATION_WAIT_MAX_MS / 1000} s, and wait again after it`,
    );
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const operation = await findOperation(sight, request, options);
    const restMs = endsAt - performance.now();
    if (operation.endTime !== undefined || restMs <= 0) return operation;
    await wait(Math.min(LOOK_EVERY_MS, restMs), options.signal);
  }
}
