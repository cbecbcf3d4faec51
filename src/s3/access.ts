import type { S3Client } from "@aws-sdk/client-s3";
import type { DomainError } from "../domain/errors.ts";
import { withBackoff } from "../domain/limits/backoff.ts";
import type { ReplayableBodyPolicy } from "./bodies/replayable-body.ts";
import { toDomainError } from "./errors.ts";
import type { BodyRequests } from "./requests/body-requests.ts";
import type { OperationClass } from "./requests/breaker.ts";
import type { Breakers } from "./requests/bucket-breakers.ts";
import type { RequestSlots } from "./requests/request-slots.ts";
import { countRetry } from "./requests/request-span.ts";
import { mayTryAgain } from "./requests/retries.ts";
import type { StorageClock } from "./requests/storage-clock.ts";

/**
 * How the service proves that storage has the bytes that were sent to it. "stated" compares the CRC32 that storage states, in
 * its answer or in the answer to a later question. "read-back" does the same, but when storage states none, the whole object
 * is read back before it counts as stored.
 */
export type ChecksumProof = "stated" | "read-back";

/**
 * The encryption that requests for new objects ask for. "sse-s3" asks for SSE-S3. "bucket" asks for none, so that the bucket's
 * own default decides: the one way that works with a KMS key, whose ARN the service then need not know.
 */
export type Encryption = "sse-s3" | "bucket";

/** An observer of storage's behaviour beyond the single call. */
export interface StorageWatcher {
  /**
   * Called without a problem when a body was proven to be stored. Called with the error when storage is full or lacks an
   * ability that storing needs.
   */
  onWrite: (problem: DomainError | undefined) => void;
  /** S3 refused to assemble a file, with a code of its own. */
  onRefusedComplete: (answer: { code: string; status: number; requestId?: string; key: string }) => void;
}

/** What the adapter works with at one bucket. Other buckets share all of it but the client and the breakers. */
export interface S3Access {
  /** The client of the bucket's region. */
  client: S3Client;
  bodies: BodyRequests;
  slots: RequestSlots;
  /** The clock by which URLs are signed. */
  clock: StorageClock;
  breakers: Breakers;
  body: ReplayableBodyPolicy;
  /** How the adapter proves that storage has the bytes that were sent. */
  checksums: ChecksumProof;
  encryption: Encryption;
  watcher?: StorageWatcher;
  /** Aborted when the process stops: nothing is tried again from then on. */
  closing?: AbortSignal;
}

/** The algorithm to ask for with a new object; undefined where the bucket decides. */
export function toAskedAlgorithm({ encryption }: Pick<S3Access, "encryption">): "AES256" | undefined {
  return encryption === "sse-s3" ? "AES256" : undefined;
}

/** One try of a request, in a slot of its class and behind its breaker. */
export async function sendOnce<T>(
  access: Pick<S3Access, "slots" | "breakers">,
  operation: OperationClass,
  send: () => Promise<T>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  return await access.slots[operation].run("", () => access.breakers(operation, send), options);
}

/**
 * One request, with retries by the policy. A final failure is a DomainError whose message begins with `what`. Each try takes
 * a slot of the operation's class; when no class is named, `send` takes the slot itself.
 */
export async function request<T>(
  access: S3Access,
  call: { operation?: OperationClass; what: string; signal?: AbortSignal | undefined; send: () => Promise<T> },
): Promise<T> {
  const { operation, send, signal } = call;
  const sendInSlot = operation === undefined ? send : () => sendOnce(access, operation, send, { signal });
  try {
    return await retryS3(access, sendInSlot, { signal });
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    throw toDomainError(error, call.what);
  }
}

/** The process stops before a request could be tried again. Another process can repeat it. */
class Stopping extends Error {
  override readonly name = "AbortError";

  constructor(cause: unknown) {
    super("no more tries: the process stops", { cause });
  }
}

/** Repeats a request that failed for a reason that may pass, as long as the budget of retries lasts. */
export async function retryS3<T>(
  access: S3Access,
  send: () => Promise<T>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const { retry, retries } = access.body;
  const isRetryable = (error: unknown) => mayTryAgain(error, retries);
  const signals = [access.closing, options.signal].filter((signal) => signal !== undefined);
  const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  retries.noteRequest();
  try {
    return await withBackoff(retry, send, { isRetryable, onRetry: countRetry, signal });
  } catch (error) {
    if (access.closing?.aborted === true && error === access.closing.reason) throw new Stopping(error);
    throw error;
  }
}
