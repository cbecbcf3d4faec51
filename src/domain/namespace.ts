/** A tenant's space of paths, bound to one bucket, key prefix and region, with its policy. */
export interface Namespace {
  name: string;
  bucket: string;
  region: string;
  /** Put before every key; empty or ending in "/". */
  keyPrefix: string;
  /** Largest file, in bytes. */
  fileSizeMaxBytes: number;
  /** How long a deleted or superseded generation can be restored, in milliseconds. */
  retentionMs: number;
  /** Longest life of a presigned download URL, in milliseconds. */
  downloadUrlLifetimeMaxMs: number;
}
