import { AsyncLocalStorage } from "node:async_hooks";
import { DomainError } from "../domain/errors.ts";
import { type BackoffPolicy, withBackoff } from "../domain/limits/backoff.ts";
import { RefusalPace } from "../domain/limits/refusal-pace.ts";
import { WorkLimiter } from "../domain/limits/work-limiter.ts";
import { uploadNotFound } from "../domain/repository-refusals.ts";
import { addRateSample, type RateSample, toBytesPerSecond, toEtaMs } from "../domain/uploads/transfer-rate.ts";
import type { UploadState } from "../domain/uploads/upload.ts";
import type { UploadCatalogue, UploadStatus } from "../domain/uploads/upload-catalogue.ts";

/** How far a watched upload is. Sizes in bytes. */
export interface WatchReport extends UploadStatus {
  /** Rate of received bytes over the last 10 s; undefined while nothing is known. */
  bytesPerSecond: number | undefined;
  /** Until all bytes are received, in milliseconds; undefined while nothing is known, and once it no longer matters. */
  etaMs: number | undefined;
}

/** Limits of watching, a process. */
export interface WatchLimits {
  /** Watchers at once, in all and of one upload; one caller has at most seven eighths of both. */
  watchersMax: number;
  uploadWatchersMax: number;
  /** How soon an upload that changes is asked for again, and how soon one that stands still, in milliseconds. */
  pollMinMs: number;
  pollMaxMs: number;
  /** Uploads that one statement asks for. */
  uploadsPerStatementMax: number;
  /** Least and longest time between two messages to a watcher, in milliseconds. */
  messageMinMs: number;
  messageMaxMs: number;
}

/** One statement takes about 0.1 ms an upload; a watcher keeps an HTTP/2 stream and some 20 KiB. */
export const WATCH_LIMITS: WatchLimits = {
  watchersMax: 2000,
  uploadWatchersMax: 200,
  pollMinMs: 250,
  pollMaxMs: 2000,
  uploadsPerStatementMax: 250,
  messageMinMs: 100,
  // The API promises 5 s: some of it is for the way.
  messageMaxMs: 4500,
};

/** After a statement the process waits for at least this many times its duration: watching takes a fifth of one connection. */
const IDLE_SHARE = 4;

/** What a watcher sees of its upload. */
export interface Watched {
  /** The newest; undefined before the first poll. */
  readonly report: WatchReport | undefined;
  /** Grows when `report` has changed in more than its rate. */
  readonly changes: number;
  /** Why there will be no further report. */
  readonly failure: Error | undefined;
}

interface WatchedUpload extends Watched {
  uploadId: string;
  report: WatchReport | undefined;
  changes: number;
  failure: Error | undefined;
  limiter: WorkLimiter;
  samples: RateSample[];
  dueAt: number;
  pollMs: number;
  /** Called at each change, and at a failure. */
  watchers: Set<() => void>;
}

/**
 * The uploads that somebody watches from this process. Their state is in the database, and whoever writes may be on
 * another replica, so it is asked for: one statement at a time for all uploads that are due, however many watch them.
 * An upload that stands still is asked for less and less often. While the database is away it is asked within the limits of
 * `backoff`; then every watch fails with `unavailable / DATABASE_UNAVAILABLE`.
 */
export class UploadWatches {
  readonly limits: WatchLimits;
  /** Milliseconds that never go back. */
  readonly now: () => number;
  readonly #catalogue: Pick<UploadCatalogue, "listStatus">;
  readonly #backoff: BackoffPolicy;
  readonly #watched = new Map<string, WatchedUpload>();
  readonly #draining = new AbortController();
  readonly #limiter: WorkLimiter;
  readonly #refusals = new RefusalPace();
  #timer: NodeJS.Timeout | undefined;
  /** Runs its argument outside of all calls: a look is for all who watch, and not for the one who came first. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #isPolling = false;
  #restUntil = 0;

  constructor(deps: {
    catalogue: Pick<UploadCatalogue, "listStatus">;
    backoff: BackoffPolicy;
    limits: WatchLimits;
    now?: () => number;
  }) {
    this.now = deps.now ?? (() => performance.now());
    this.#catalogue = deps.catalogue;
    this.#backoff = deps.backoff;
    this.limits = deps.limits;
    this.#limiter = new WorkLimiter("watches", { runningMax: deps.limits.watchersMax, waitingMax: 0 });
  }

  /** Watchers at this moment. */
  get size(): number {
    return this.#limiter.running;
  }

  /**
   * Watches an upload for a caller; `onChange` is called when there is news, until `leave`. `resource_exhausted / OVERLOADED` above the
   * limits, a little later when the caller is refused all the time; `unavailable / SHUTTING_DOWN` while draining. An upload that does not exist is a failure later on.
   */
  async join(
    uploadId: string,
    caller: string,
    { onChange, signal }: { onChange: () => void; signal: AbortSignal | undefined },
  ): Promise<{ watched: Watched; leave: () => void }> {
    try {
      return this.#join(uploadId, caller, onChange);
    } catch (error) {
      if (error instanceof DomainError && error.reason === "OVERLOADED")
        await this.#refusals.untilTold(caller, { signal });
      throw error;
    }
  }

  /** Takes both places in one step: nobody holds one while waiting to hear of the other, and no upload is forgotten in between. */
  #join(uploadId: string, caller: string, onChange: () => void): { watched: Watched; leave: () => void } {
    this.#draining.signal.throwIfAborted();
    const leaveAll = this.#limiter.enterNow(caller);
    try {
      const watched = this.#open(uploadId);
      const leaveUpload = watched.limiter.enterNow(caller);
      watched.watchers.add(onChange);
      this.#schedule();
      const leave = () => {
        leaveAll();
        leaveUpload();
        this.#leave(watched, onChange);
      };
      return { watched, leave };
    } catch (error) {
      leaveAll();
      throw error;
    }
  }

  /** Admits nobody any more, and ends every watch: another replica serves as well. */
  drain(): void {
    clearTimeout(this.#timer);
    this.#draining.abort(toShuttingDown());
    this.#failAll(this.#draining.signal.reason);
  }

  #open(uploadId: string): WatchedUpload {
    const known = this.#watched.get(uploadId);
    if (known !== undefined && known.failure === undefined) return known;
    const fresh = { report: undefined, changes: 0, failure: undefined, samples: [], dueAt: 0 };
    const { pollMinMs: pollMs, uploadWatchersMax: runningMax } = this.limits;
    const limiter = new WorkLimiter("watches of one upload", { runningMax, waitingMax: 0 });
    const watched: WatchedUpload = { uploadId, ...fresh, limiter, pollMs, watchers: new Set() };
    this.#watched.set(uploadId, watched);
    return watched;
  }

  #leave(watched: WatchedUpload, onChange: () => void): void {
    watched.watchers.delete(onChange);
    if (watched.watchers.size === 0 && this.#watched.get(watched.uploadId) === watched) {
      this.#watched.delete(watched.uploadId);
    }
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isPolling || this.#draining.signal.aborted) return;
    let dueAt = Number.POSITIVE_INFINITY;
    for (const watched of this.#watched.values()) dueAt = Math.min(dueAt, watched.dueAt);
    if (dueAt === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(dueAt, this.#restUntil) - this.now();
    this.#timer = setTimeout(() => void this.#outside(() => this.#poll()), Math.max(0, waitMs));
  }

  /** Asks for the uploads that are due, the longest due first. Never rejects. */
  async #poll(): Promise<void> {
    this.#isPolling = true;
    const beganAt = this.now();
    const due = [...this.#watched.values()].filter(({ dueAt }) => dueAt <= beganAt).sort((a, b) => a.dueAt - b.dueAt);
    const asked = due.slice(0, this.limits.uploadsPerStatementMax);
    try {
      const ids = asked.map(({ uploadId }) => uploadId);
      const statuses = await withBackoff(this.#backoff, () => this.#catalogue.listStatus(ids), {
        isRetryable: (error) => error instanceof DomainError && error.code === "unavailable",
        signal: this.#draining.signal,
      });
      const byId = new Map(statuses.map((status) => [status.uploadId, status]));
      for (const watched of asked) this.#take(watched, byId.get(watched.uploadId));
    } catch (error) {
      this.#failAll(error instanceof Error ? error : new Error("the uploads could not be read", { cause: error }));
    }
    const endedAt = this.now();
    this.#restUntil = endedAt + Math.min(this.limits.pollMaxMs, IDLE_SHARE * (endedAt - beganAt));
    this.#isPolling = false;
    this.#schedule();
  }

  #take(watched: WatchedUpload, status: UploadStatus | undefined): void {
    if (status === undefined) {
      fail(watched, uploadNotFound(watched.uploadId));
      return;
    }
    const now = this.now();
    const hasChanged = watched.report === undefined || isNews(watched.report, status);
    const { pollMinMs, pollMaxMs } = this.limits;
    watched.pollMs = hasChanged ? pollMinMs : Math.min(pollMaxMs, watched.pollMs * 2);
    watched.dueAt = isFinal(status.state) ? Number.POSITIVE_INFINITY : now + watched.pollMs;
    watched.samples = addRateSample(watched.samples, { atMs: now, receivedBytes: status.receivedBytes });
    watched.report = toReport(status, watched.samples);
    if (!hasChanged) return;
    watched.changes++;
    for (const onChange of watched.watchers) onChange();
  }

  #failAll(failure: Error): void {
    for (const watched of this.#watched.values()) fail(watched, failure);
  }
}

/** Whether nothing can happen to an upload any more. */
export function isFinal(state: UploadState): boolean {
  return state === "committed" || state === "aborted" || state === "expired";
}

function toReport(status: UploadStatus, samples: readonly RateSample[]): WatchReport {
  const bytesPerSecond = toBytesPerSecond(samples);
  const etaMs = isFinal(status.state) ? undefined : toEtaMs(status, bytesPerSecond);
  return { ...status, bytesPerSecond, etaMs };
}

function isNews(told: UploadStatus, status: UploadStatus): boolean {
  return (["state", "sizeBytes", "receivedBytes", "durableBytes"] as const).some((key) => told[key] !== status[key]);
}

/** The first failure counts. A watcher hears it after the report that it has not heard yet. */
function fail(watched: WatchedUpload, failure: Error): void {
  watched.failure ??= failure;
  watched.dueAt = Number.POSITIVE_INFINITY;
  for (const onChange of watched.watchers) onChange();
}

function toShuttingDown(): DomainError {
  return new DomainError("unavailable", "this server is shutting down; watch the upload on another", {
    reason: "SHUTTING_DOWN",
    retryAfterMs: 0,
  });
}
