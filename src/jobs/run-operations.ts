import { setTimeout as delay } from "node:timers/promises";
import type { OperationWorker, OperationWorkers } from "../commands/operations/operation-worker.ts";
import { DomainError } from "../domain/errors.ts";
import type {
  Operation,
  OperationError,
  OperationKind,
  OperationLimits,
  OperationStep,
} from "../domain/jobs/operation.ts";
import { toOperationError } from "../domain/jobs/operation-error.ts";
import type { OperationRepository } from "../domain/jobs/operation-repository.ts";

/** How often operations whose turn it is are looked for. */
export interface OperationsPace {
  /** Wait after a look, in milliseconds; an operation begins, and hears of its cancelling, by then. */
  everyMs: number;
  /** The run ends after so many looks, and once none works: whoever has the lease asks for it anew then. */
  looksMax: number;
  /** Wait after a step that failed for now, in milliseconds. */
  retryAfterMs: number;
}

/** A run is a minute of looks, or longer while an operation works. */
export const OPERATIONS_PACE: OperationsPace = { everyMs: 1000, looksMax: 60, retryAfterMs: 5000 };

/** Operations that one look finds: far more than work at once, so that some of other namespaces are among them. */
const DUE_MAX = 1000;
/** Failures that a run tells. */
const ERRORS_MAX = 10;

/** What operations are run with. */
export interface OperationsAccess {
  operations: OperationRepository;
  workers: OperationWorkers;
  log: { warn(details: object, message: string): void };
}

/**
 * Runs the operations of all namespaces, `runningInAllMax` at once and of each namespace `runningMax`, step by step, until `signal`
 * aborts. What is temporary is tried again; every other failure ends its operation. An operation that is cut goes on
 * from its cursor in a later run, here or elsewhere. Resolves to failures that were temporary. Rejects as the repository does.
 */
export async function runOperations(
  access: OperationsAccess,
  options: { limits: OperationLimits; pace: OperationsPace; signal: AbortSignal },
): Promise<{ errors: unknown[] }> {
  const { limits, pace, signal } = options;
  const errors: unknown[] = [];
  const note = (error: unknown) => void (errors.length < ERRORS_MAX && errors.push(error));
  const running = new Map<string, { namespace: string; cancel: AbortController; work: Promise<void> }>();
  const hasRoom = (namespace: string) =>
    running.size < limits.runningInAllMax &&
    [...running.values()].filter((one) => one.namespace === namespace).length < limits.runningMax;
  const ending = new AbortController();
  const all = AbortSignal.any([signal, ending.signal]);
  try {
    for (let looks = 0; (looks < pace.looksMax || running.size > 0) && !signal.aborted; looks++) {
      for (const operation of await access.operations.listDue({ runningMax: limits.runningMax, limit: DUE_MAX })) {
        const { operationId, namespace, cancelTime } = operation;
        if (cancelTime !== undefined) running.get(operationId)?.cancel.abort(new Error("the operation is cancelled"));
        // The end of one that is cancelled is no work: it waits for no turn.
        if (running.has(operationId) || !(hasRoom(namespace) || cancelTime !== undefined)) continue;
        const cancel = new AbortController();
        const stepping = AbortSignal.any([all, cancel.signal]);
        const work = runOne(access, operation, { pace, note, signal: stepping }).finally(() =>
          running.delete(operationId),
        );
        running.set(operationId, { namespace, cancel, work });
      }
      await delay(pace.everyMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    ending.abort(new Error("the run of operations ends"));
    await Promise.all([...running.values()].map(({ work }) => work));
  }
  return { errors };
}

/** Makes the steps of one operation until it has ended, somebody else makes them, one fails for now, or `signal` aborts. Never rejects. */
async function runOne(
  access: OperationsAccess,
  due: Operation,
  options: { pace: OperationsPace; note: (error: unknown) => void; signal: AbortSignal },
): Promise<void> {
  const { pace, note, signal } = options;
  try {
    let operation: Operation | undefined = due;
    while (operation !== undefined && operation.endTime === undefined && !signal.aborted)
      operation = await makeStep(access, operation, signal);
  } catch (error) {
    if (signal.aborted) return;
    note(error);
    // The next look takes it up again, as it is by then.
    await delay(pace.retryAfterMs, undefined, { signal }).catch(() => {});
  }
}

/** Resolves to the operation as it is then, undefined when somebody else has changed it. Rejects with what is temporary. */
async function makeStep(
  { operations, workers, log }: OperationsAccess,
  operation: Operation,
  signal: AbortSignal,
): Promise<Operation | undefined> {
  const worker = workers[operation.kind] as OperationWorker<OperationKind>;
  if (operation.cancelTime !== undefined) {
    await worker.abandon(operation);
    return await operations.fail(operation, CANCELLED);
  }
  if (operation.beginTime === undefined) return await operations.begin(operation);
  let step: OperationStep<OperationKind>;
  try {
    step = await worker.step(operation, { signal });
  } catch (error) {
    if (signal.aborted || isTemporary(error)) throw error;
    if (!(error instanceof DomainError))
      log.warn({ error, operationId: operation.operationId }, "an operation has failed, and ends");
    await worker.abandon(operation);
    return await operations.fail(operation, toOperationError(error, operation.request));
  }
  return await operations.save(operation, step);
}

const CANCELLED: OperationError = { code: "cancelled", reason: "CANCELLED", message: "somebody has cancelled it" };

/** Whether the same step may work later. */
function isTemporary(error: unknown): boolean {
  return error instanceof DomainError && (error.code === "unavailable" || error.retryAfterMs !== undefined);
}
