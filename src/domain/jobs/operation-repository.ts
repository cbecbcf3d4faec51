import type { Caller } from "../caller.ts";
import type { CommandIdentity } from "../command-identity.ts";
import type {
  Operation,
  OperationError,
  OperationKind,
  OperationLimits,
  OperationProgresses,
  OperationRequests,
  OperationStep,
} from "./operation.ts";

/** An operation that is about to be started. */
export interface NewOperation<K extends OperationKind> {
  operationId: string;
  kind: K;
  caller: Caller;
  request: OperationRequests[K];
  /** Before its first step. */
  progress: OperationProgresses[K];
}

/** Operations in the database. All methods reject `unavailable / DATABASE_UNAVAILABLE` when it cannot be reached. */
export interface OperationRepository {
  /**
   * Starts an operation, or returns the one that the same request has started. `invalid_argument / REQUEST_ID_REUSED` when that
   * request was another; `resource_exhausted / OVERLOADED` when `openMax` of the namespace are open. Calls at the same time may
   * pass this limit by as many as they are.
   */
  start<K extends OperationKind>(
    operation: NewOperation<K>,
    identity: CommandIdentity,
    limits: Pick<OperationLimits, "openMax">,
  ): Promise<Operation>;

  /** `not_found / OPERATION_NOT_FOUND` when there is none of this id in the namespace. */
  get(namespace: string, operationId: string): Promise<Operation>;

  /** Operations of a namespace behind the id `after`, by id, the newest first; of one principal, where one is given. */
  list(
    namespace: string,
    options: { principal: string | undefined; after: string; limit: number },
  ): Promise<Operation[]>;

  /** Asks for the end of an operation; one that has ended stays as it is. `not_found / OPERATION_NOT_FOUND`. */
  cancel(namespace: string, operationId: string): Promise<Operation>;

  /**
   * The operations of the whole service whose turn it is: of each namespace the `runningMax` oldest that have not ended, and all
   * whose end somebody has asked for.
   */
  listDue(options: { runningMax: number; limit: number }): Promise<Operation[]>;

  /** Notes that an operation works now, if nobody has yet. Undefined when it has changed since it was read. */
  begin(operation: Operation): Promise<Operation | undefined>;

  /** Saves a step; undefined, and nothing is saved, when the operation has changed since it was read, but for its `cancelTime`. */
  save(operation: Operation, step: OperationStep<OperationKind>): Promise<Operation | undefined>;

  /** Ends an operation without a response; undefined as of `save`. */
  fail(operation: Operation, error: OperationError): Promise<Operation | undefined>;

  /** Forgets operations that ended longer than `olderThanMs` ago, at most `limit`. */
  forget(options: { olderThanMs: number; limit: number }): Promise<void>;
}
