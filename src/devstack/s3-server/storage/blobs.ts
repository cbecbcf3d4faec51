import type { PayloadSink } from "../protocol/receive-payload.ts";

/** A run of bytes in a blob. Objects and parts are lists of these, so that Complete and Copy move no bytes. */
export interface Segment {
  readonly blobId: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** A blob being written. Exactly one of `finish` and `discard` ends it. */
export interface BlobWriter extends PayloadSink {
  /** Settles when every byte is written. The blob has one reference, the writer's, until that is released. */
  finish(): Promise<Segment>;
  /** Forgets what was written; never rejects. */
  discard(): Promise<void>;
}

/**
 * Immutable byte strings with counted references: a blob is removed when nobody refers to it any more, so a reader of
 * an object that is overwritten or deleted reads on undisturbed.
 * Two adapters: files on disk, and one that throws bytes away for load tests.
 */
export interface BlobStore {
  create(): Promise<BlobWriter>;
  /** Adds a reference to the blob of each segment. */
  retain(segments: readonly Segment[]): void;
  /** Drops one reference each. */
  release(segments: readonly Segment[]): void;
  /** The bytes of the segments, `length` bytes from `offset`. The caller holds references while it reads. */
  read(segments: readonly Segment[], offset: number, length: number): AsyncGenerator<Buffer>;
  /** Removes every blob that has no reference, such as what a killed process left behind. */
  removeUnreferenced(): Promise<void>;
  /** Settles when all removals have. */
  close(): Promise<void>;
}
