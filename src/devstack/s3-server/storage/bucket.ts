import { randomBytes } from "node:crypto";
import { S3Error } from "../protocol/s3-error.ts";
import type { ObjectRecord, PartRecord, UploadRecord, Versioning } from "./records.ts";
import { VersionHistory } from "./version-history.ts";

/** A multipart upload under way, with its parts. */
export interface OpenUpload extends UploadRecord {
  readonly parts: ReadonlyMap<number, PartRecord>;
}

/** The same, as the catalog changes it. */
export interface MutableUpload extends UploadRecord {
  readonly parts: Map<number, PartRecord>;
}

/** A bucket with all that it holds. */
export interface Bucket {
  readonly name: string;
  readonly region: string;
  readonly createdAt: number;
  versioning: Versioning;
  /** Whether its versions can be put under legal holds. */
  readonly hasObjectLock: boolean;
  /** The objects that readers see. */
  readonly objects: Map<string, ObjectRecord>;
  readonly history: VersionHistory;
  readonly uploads: Map<string, MutableUpload>;
  /** Recent completions by upload id, since S3 answers a repeated Complete like the first. */
  readonly completions: Map<string, ObjectRecord>;
}

/** How a bucket is made. `createdAt` is in milliseconds since the epoch. */
export type BucketPlace = Pick<Bucket, "region" | "createdAt" | "hasObjectLock">;

/** An empty bucket. One with Object Lock keeps versions from the start. */
export function makeBucket(name: string, { region, createdAt, hasObjectLock }: BucketPlace): Bucket {
  return {
    name,
    region,
    createdAt,
    versioning: hasObjectLock ? "Enabled" : undefined,
    hasObjectLock,
    objects: new Map(),
    history: new VersionHistory(),
    uploads: new Map(),
    completions: new Map(),
  };
}

/** @throws S3Error `InvalidBucketName`. */
export function assertBucketName(name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes("..")) {
    throw new S3Error("InvalidBucketName", "The specified bucket is not valid.", { BucketName: name });
  }
}

/** The version id that the next object or mark of a bucket gets; none where the bucket keeps no versions. */
export function newVersion({ versioning }: Bucket): { versionId?: string } {
  return versioning === "Enabled" ? { versionId: randomBytes(16).toString("base64url") } : {};
}
