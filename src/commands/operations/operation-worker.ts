import type { RuledMethod } from "../../domain/access/method-rules.ts";
import type { PathScope } from "../../domain/access/path-scope.ts";
import type { Caller } from "../../domain/caller.ts";
import type { Operation, OperationKind, OperationRequests, OperationStep } from "../../domain/jobs/operation.ts";

/** Does the work of the operations of a kind. */
export interface OperationWorker<K extends OperationKind> {
  /**
   * Makes the next step from the operation's cursor. Whoever dies in it makes it again, and so do two replicas at once for a moment:
   * a step can be repeated. It stops early once `signal` aborts, and may throw its reason. Rejects with `unavailable` for what may
   * work later, and with other DomainErrors for what ends the operation.
   */
  step(operation: Operation<K>, options: { signal: AbortSignal }): Promise<OperationStep<K>>;

  /** Takes away what an operation that will not end its work has left. It can be repeated. */
  abandon(operation: Operation<K>): Promise<void>;
}

/** The worker of each kind of operation. */
export type OperationWorkers = { readonly [K in OperationKind]: OperationWorker<K> };

/**
 * Admits a step of an operation as if its caller called the method now: it says what a list may show, and throws what the call would be
 * refused with.
 */
export type AdmitStep = (
  method: RuledMethod,
  request: { namespace: string } & Partial<OperationRequests["copy"]>,
  options: { caller: Caller },
) => Promise<{ scopeNow: (() => PathScope) | undefined }>;
