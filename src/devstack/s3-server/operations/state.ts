import type { Answer, Exchange } from "../protocol/exchange.ts";
import type { BlobStore } from "../storage/blobs.ts";
import type { Catalog } from "../storage/catalog.ts";

/** The state that the operations work on. */
export interface S3State {
  readonly catalog: Catalog;
  readonly blobs: BlobStore;
  /** `md5` hashes every body, as S3 does without KMS; `opaque` makes unique ETags for nothing. */
  readonly etags: "md5" | "opaque";
  /** Whether bodies are compared with their declared checksums. */
  readonly verifyChecksums: boolean;
  /** Smallest part but the last, in bytes. */
  readonly multipartMinPartBytes: number;
  readonly bodyIdleTimeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** An operation of the S3 API. Throws S3Error for refusals. */
export type OperationHandler = (state: S3State, exchange: Exchange) => Answer | Promise<Answer>;
