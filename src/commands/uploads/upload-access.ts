import { DomainError } from "../../domain/errors.ts";
import type { BackoffPolicy } from "../../domain/limits/backoff.ts";
import { withBackoff } from "../../domain/limits/backoff.ts";
import type { Namespaces } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { BucketRegions } from "../../domain/residency.ts";
import type { PartLimits } from "../../domain/uploads/part-plan.ts";
import type { UploadRepositories } from "../../domain/uploads/upload-repositories.ts";

/** Limits of uploads; every default and reason is in config.ts. */
export interface UploadLimits extends PartLimits {
  /** Largest data of one chunk, in bytes. */
  chunkSizeMaxBytes: number;
  /** Bytes of a one-shot part that may wait for S3 to take them. */
  oneShotWindowBytes: number;
  /** Parts of one upload that may be on their way to S3 at once. */
  partsInFlightMax: number;
  /** Parts that are claimed by one statement, ahead of their bytes. */
  claimAheadParts: number;
  /** A stream that makes no progress for this long is ended, in milliseconds. */
  stallTimeoutMs: number;
  /** A stream that sends no byte for this long may lose its upload slot, in milliseconds; it does when all are taken. */
  slotSilenceMaxMs: number;
  /** Life of an upload after its last write, in milliseconds. */
  expireAfterMs: number;
  /** Longest life of an upload; below the bucket's lifecycle abort, in milliseconds. */
  expireCapMs: number;
}

/** What the commands on uploads work with; each names the ports of `uploads` that it uses. */
export interface UploadAccess<Ports extends keyof UploadRepositories = keyof UploadRepositories> {
  uploads: Pick<UploadRepositories, Ports>;
  objects: ObjectStore;
  namespaces: Namespaces;
  regions: BucketRegions;
  limits: UploadLimits;
  /** How long the database may be away while bytes wait to be recorded. */
  databaseBackoff: BackoffPolicy;
  /** Name of this process among its equals, for the writers table. */
  instance: string;
}

/**
 * Repeats a step in the database while that is unavailable. Only for steps that are safe to repeat, as all steps of
 * UploadRepositories are; never for S3, which has its own retries.
 */
export function withDatabase<T>(access: Pick<UploadAccess, "databaseBackoff">, step: () => Promise<T>): Promise<T> {
  const isRetryable = (error: unknown) => error instanceof DomainError && error.reason === "DATABASE_UNAVAILABLE";
  return withBackoff(access.databaseBackoff, step, { isRetryable });
}
