import type { DomainError } from "../errors.ts";
import type { ByteRange, DurablePart, Upload } from "./upload.ts";
import { WHOLE_FILE, type WriterRange } from "./writer-range.ts";

/** How a writer begins. */
export interface WriterOptions {
  /** Name of the process that writes. */
  instance: string;
  /** Life of the upload after this, in milliseconds. */
  expireAfterMs: number;
  /** The range that the writer writes; the whole file when left out. */
  lane?: ByteRange | undefined;
}

/** What a writer gets when it begins. */
export interface GrantedWriter {
  upload: Upload;
  /** Number of this writer; every later statement of the writer carries it. */
  epoch: number;
  /** The range that the writer writes. */
  range: WriterRange;
  /** Every durable part of the upload, in the writer's range or not; ascending by number. */
  parts: DurablePart[];
  /** Presigned parts of the range whose bytes S3 may have, and whose claims the writer has taken over; ascending by number. */
  outstanding: PresignedPart[];
  /** How many PutObject attempts are counted that this writer has not made yet. */
  countedAttempts?: number;
  /** Why the upload takes no further bytes today: `resource_exhausted / QUOTA_BYTES_PER_DAY`. Durable ones can be finished. */
  refusal?: DomainError | undefined;
}

/** The writer that an upload was created with. */
export function toFirstWriter(upload: Upload): GrantedWriter {
  return { upload, epoch: 1, range: WHOLE_FILE, parts: [], outstanding: [], countedAttempts: upload.putAttempt };
}

/** A part that was claimed for a presigned URL; the database does not know yet whether S3 has its bytes. */
export interface PresignedPart {
  partNumber: number;
  /** The length that the URL was signed for. */
  lengthBytes: number;
  crc32: number;
  /** Number of the writer that the claim made. */
  epoch: number;
}

/** What the writer of a single part gets when it begins. */
export type GrantedPart =
  | { kind: "begun"; upload: Upload; epoch: number }
  /** The part is durable already: nothing has changed. */
  | { kind: "durable"; upload: Upload; part: DurablePart };

/** How many bytes one writer has received so far. */
export interface ReceivedNote {
  uploadId: string;
  epoch: number;
  receivedBytes: number;
}

/** Begins writers, claims their parts and records them. Errors that all methods share: see `UploadRepositories`. */
export interface UploadWriters {
  /**
   * Makes the caller the upload's newest writer: raises the epoch by one, adds a writer row and slides the expiry. From here
   * on the writers whose ranges intersect the new range are fenced, and what they had received is forgotten.
   * `invalid_argument / RANGE_INVALID` for a lane that `toWriterRange` refuses: nobody is fenced then. When the upload is not
   * `open` nothing changes, and the upload is returned as it is with epoch 0 (a committed upload is an answer, not an error).
   */
  beginWriter(namespace: string, uploadId: string, options: WriterOptions): Promise<GrantedWriter>;

  /**
   * Makes the caller the newest writer of one part, as `beginWriter` does, and claims the part, by one statement. A durable
   * part stays as it is and is returned, also of an upload whose commit has begun or is made; otherwise the upload must be
   * `open`. Refuses what `assertUnaryPart` refuses, and all parts once the day's quota is used up (`resource_exhausted /
   * QUOTA_BYTES_PER_DAY`): nobody is fenced then.
   */
  beginPart(
    namespace: string,
    uploadId: string,
    part: { partNumber: number; lengthBytes: number },
    options: Omit<WriterOptions, "lane">,
  ): Promise<GrantedPart>;

  /**
   * Claims parts for presigned URLs, by one statement. Each claim is a writer of its part with an epoch of its own, and it
   * fences other writers and is fenced as `beginPart` does. Notes that the last URL expires after `lifetimeMs`; the upload does
   * not expire before. Durable parts stay as they are and are returned. Needs `open`. Refuses what `assertSignable` refuses,
   * a lifetime beyond the upload's cap (`invalid_argument / ARGUMENT_INVALID`), and more bytes than the day's quota leaves
   * (`resource_exhausted / QUOTA_BYTES_PER_DAY`): nobody is fenced then. The bytes count once they are adopted. The lifetime is
   * counted from `signTime`, by the database's clock.
   */
  claimPresigned(
    namespace: string,
    uploadId: string,
    parts: readonly { partNumber: number; lengthBytes: number; crc32: number }[],
    options: Omit<WriterOptions, "lane"> & { lifetimeMs: number },
  ): Promise<{ upload: Upload; durable: DurablePart[]; signTime: Date }>;

  /**
   * Records presigned parts that S3 has, and counts their bytes as uploaded today, with the ETags that S3 lists; returns those of them that are durable now. A claim
   * that is not current any more is passed over; `epoch` names the writer that has taken the claims over, if one has. Needs `open`.
   */
  adoptParts(
    uploadId: string,
    parts: readonly (PresignedPart & { etag: string })[],
    options?: { epoch?: number | undefined },
  ): Promise<DurablePart[]>;

  /**
   * Notes how many bytes of its range a writer has received, durable bytes of earlier writers included. While the upload is
   * open or completing the expiry slides up to its cap, in steps of a 24th of `expireAfterMs`. Refused for aborted and
   * expired uploads, and for fenced writers.
   */
  heartbeat(uploadId: string, epoch: number, options: { receivedBytes: number; expireAfterMs: number }): Promise<void>;

  /**
   * Notes how many bytes many writers have received, never less than before, by one statement: for progress between
   * heartbeats. It checks nothing and slides no expiry; unknown writers are passed over.
   */
  noteReceived(notes: readonly ReceivedNote[]): Promise<void>;

  /** Sets the multipart id unless one is set; returns the id that counts. A caller whose id does not count aborts its own. */
  setMultipartId(uploadId: string, multipartId: string): Promise<string>;

  /** Counts and records a PutObject attempt before its bytes go; returns its number, from 1. Needs `open`. */
  beginPutAttempt(uploadId: string, epoch: number): Promise<number>;

  /**
   * Claims parts before their bytes go. Needs `open`. The claim of an older epoch is taken over; durable parts stay as they
   * are. One call for many parts costs as much as a call for one part. Where the size is sealed only the parts within it are
   * claimed; `invalid_argument / SIZE_MISMATCH` when the first part lies beyond it.
   */
  claimParts(uploadId: string, epoch: number, partNumbers: { first: number; count: number }): Promise<void>;

  /**
   * Records claimed parts as durable, under the upload's lock, and counts their bytes as uploaded today: also above the quota,
   * because S3 has them. Resolves to the refusal of further bytes once the quota is used up. Needs `open`. A part that is durable already stays as it is:
   * the same length and CRC32 are fine, others are `aborted / CHECKSUM_MISMATCH`. `invalid_argument / SIZE_MISMATCH`, and
   * nothing is recorded, when a part begins beyond the sealed size. The expiry does not slide. `isLast`: the writer records no
   * more and is forgotten; repeating the call is fine all the same.
   */
  recordParts(
    uploadId: string,
    epoch: number,
    parts: readonly DurablePart[],
    options?: { isLast?: boolean },
  ): Promise<DomainError | undefined>;

  /** open -> aborted: a writer has heard that S3 no longer has the multipart upload. Repeating is fine. */
  markLost(uploadId: string, epoch: number): Promise<void>;
}
