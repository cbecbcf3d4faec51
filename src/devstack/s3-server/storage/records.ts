import type { Segment } from "./blobs.ts";

/** A client's description of an object beside its bytes, from PutObject, Copy or CreateMultipartUpload. */
export interface Description {
  /** Lower-case names of the standard headers that S3 keeps, `content-type` always among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** `x-amz-meta-` headers, without the prefix. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How the CRC32 of a multipart object relates to its parts. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

/** An object as its readers see it. */
export interface ObjectRecord {
  readonly key: string;
  /** Absent: "null", stored while the bucket kept no versions. */
  readonly versionId?: string;
  readonly sizeBytes: number;
  /** Quoted. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
  readonly description: Description;
  /** The CRC32 in its wire form, `-N` after it when composite. */
  readonly checksum?: { readonly value: string; readonly type: ChecksumType };
  readonly segments: readonly Segment[];
  /** Absent: false. A version under a legal hold is not deleted. */
  readonly isHeld?: boolean;
  /** The upload and the manifest it came from, so that Complete can be repeated after a restart too. */
  readonly completed?: { readonly uploadId: string; readonly manifest: string };
}

/** A mark that an object was deleted, in a bucket that keeps versions. */
export interface DeleteMarker {
  readonly key: string;
  readonly versionId?: string;
  readonly lastModified: number;
  readonly isDeleteMarker: true;
  readonly isHeld?: never;
}

/** One version of a key. */
export type VersionRecord = ObjectRecord | DeleteMarker;

/** Whether a bucket keeps versions: it was never asked to, it does, or it has stopped and keeps the versions that there are. */
export type Versioning = "Enabled" | "Suspended" | undefined;

/** An acknowledged part. */
export interface PartRecord {
  readonly partNumber: number;
  readonly sizeBytes: number;
  /** Quoted. */
  readonly etag: string;
  readonly lastModified: number;
  readonly crc32?: number;
  readonly segments: readonly Segment[];
}

/** A multipart upload that is neither completed nor aborted. */
export interface UploadRecord {
  readonly uploadId: string;
  readonly key: string;
  readonly initiated: number;
  readonly description: Description;
  /** Undefined when the upload was created without a checksum algorithm. */
  readonly checksumType?: ChecksumType;
}
