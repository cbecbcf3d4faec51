import type { BodyAck } from "../../domain/object-store.ts";
import type { DurablePart } from "../../domain/uploads/upload.ts";

/** The result of a writer when the last byte of its range is durable: input to the commit. */
export interface WrittenBytes {
  /** Size of the range: the lane, or the whole file. */
  sizeBytes: number;
  crc32: number;
  /** The parts of the range, ascending; empty when `put` holds the whole file. */
  parts: DurablePart[];
  /** The whole file, where it is one PutObject. */
  put: PutAck | undefined;
  /** Present when asked for and this writer saw all bytes. */
  sha256: Uint8Array | undefined;
}

/** A one-part file as S3 acknowledged it; not recorded yet. */
export interface PutAck extends BodyAck {
  sizeBytes: number;
  crc32: number;
}
