import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** What moves the bytes of uploads works with. */
export interface TransferAccess extends UploadAccess<"catalogue" | "writers" | "commits"> {
  /** The memory of all parts that pass through this process. */
  budget: MemoryBudget;
}

/** What a stream tells the transport that brings its bytes. These are handed down as far as the parts, which call them directly. */
export interface TransferEvents {
  /** Bytes are taken again, after `write` has taken fewer than it was offered. */
  onReady: () => void;
  /** The stream has failed: stop reading, close it, answer with the error. Only the first call counts. */
  onFailed: (error: Error) => void;
  onProgress: (progress: WriteProgress) => void;
}

/** How far a stream is with its lane, or with the whole file; in bytes. */
export interface WriteProgress {
  receivedBytes: number;
  durableBytes: number;
  /** End of the durable bytes from where the stream's range begins, without a gap; counts from the start of the file. */
  durableOffset: number;
  isCommitted: boolean;
}
