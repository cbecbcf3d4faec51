import { DomainError } from "../../domain/errors.ts";

/** Calls of an ObjectStore that may be struck; `part` and `put` are each attempt of a body. */
export type ObjectStoreOperation =
  | "part"
  | "put"
  | "createMultipart"
  | "completeMultipart"
  | "abortMultipart"
  | "listParts"
  | "listMultiparts"
  | "listVersions"
  | "copyObject"
  | "copyPart"
  | "head"
  | "read"
  | "delete"
  | "setLegalHold"
  | "checkBucket"
  | "readBucketRegion";

/** A fault: how a call goes wrong. */
export type StoreFault =
  /** Nothing is done; the call rejects. */
  | { kind: "fail"; error: Error }
  /** The work is done; the call rejects all the same. */
  | { kind: "lost-answer"; error: Error }
  /** Nothing happens until the call is aborted or the fault is released; then it goes on as usual. */
  | { kind: "hang"; released: (signal?: AbortSignal) => Promise<void> }
  /** A body's attempt fails and is sent again unseen: a put takes a fresh key. */
  | { kind: "retry" }
  /** The body is stored, and acknowledged with another ETag. */
  | { kind: "wrong-etag" };

/** A fault as tests script it. */
export type ScriptedFault = { kind: "fail" | "lost-answer"; error?: Error } | { kind: "hang" | "retry" | "wrong-etag" };

interface Rule {
  operation: ObjectStoreOperation;
  matches: (call: { key: string; partNumber: number | undefined }) => boolean;
  left: number;
  fault: StoreFault;
}

/** The faults still to come: the first that matches a call is used up by one. */
export class StoreFaults {
  #rules: Rule[] = [];

  /**
   * Scripts a fault for the next `times` (1 when left out) matching calls. Errors are STORAGE_UNAVAILABLE when left out.
   * Returns a function that releases a hanging call.
   */
  add(
    operation: ObjectStoreOperation,
    scripted: ScriptedFault,
    match: { key?: RegExp; partNumber?: number; times?: number } = {},
  ): { release(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#rules.push({
      operation,
      matches: ({ key, partNumber }) =>
        (match.key?.test(key) ?? true) && (match.partNumber === undefined || match.partNumber === partNumber),
      left: match.times ?? 1,
      fault: toFault(scripted, promise),
    });
    return { release: resolve };
  }

  /** Strikes each call with this likelihood, by a sequence of numbers in [0, 1) that the test seeds. */
  addRandom(
    operation: ObjectStoreOperation,
    scripted: ScriptedFault,
    chance: { share: number; random: () => number },
  ): void {
    const matches = () => chance.random() < chance.share;
    const fault = toFault(scripted, Promise.resolve());
    this.#rules.push({ operation, matches, left: Number.POSITIVE_INFINITY, fault });
  }

  /** How many scripted strikes are left; random ones do not count. */
  get pending(): number {
    return this.#rules.reduce((sum, { left }) => sum + (Number.isFinite(left) ? left : 0), 0);
  }

  /** Forgets all faults that have not struck. */
  clear(): void {
    this.#rules = [];
  }

  /** The fault that strikes a call, if any. */
  take(operation: ObjectStoreOperation, call: { key: string; partNumber?: number }): StoreFault | undefined {
    const { key, partNumber } = call;
    const struck = this.#rules.find(
      (rule) => rule.operation === operation && rule.left > 0 && rule.matches({ key, partNumber }),
    );
    if (struck === undefined) return undefined;
    struck.left--;
    return struck.fault;
  }
}

function toFault(scripted: ScriptedFault, released: Promise<void>): StoreFault {
  switch (scripted.kind) {
    case "fail":
    case "lost-answer":
      return { kind: scripted.kind, error: scripted.error ?? storageUnavailable() };
    case "hang":
      return { kind: "hang", released: (signal) => Promise.race([released, aborted(signal)]) };
    case "retry":
    case "wrong-etag":
      return { kind: scripted.kind };
  }
}

/** The error of the adapter when its retries have run out. */
function storageUnavailable(): DomainError {
  return new DomainError("unavailable", "storage does not answer; try again", {
    reason: "STORAGE_UNAVAILABLE",
    retryAfterMs: 1000,
  });
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
