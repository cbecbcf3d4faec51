import type { CommandIdentity } from "../command-identity.ts";
import type { File } from "../files/file.ts";
import type { AssembleOptions, CommitOptions, CommitOutcome, CommitWish, FinishOptions } from "./commit-options.ts";
import type { OrphanJudge } from "./orphan-verdict.ts";
import type { AssembledObject, ByteRange, DurablePart, Upload, UploadFailure, UploadState } from "./upload.ts";
import type { UploadSweep } from "./upload-sweep.ts";
import type { WriterRange } from "./writer-range.ts";

/** An upload to be created; what is not here is decided by the database. */
export interface NewUpload
  extends Pick<
    Upload,
    | "uploadId"
    | "namespace"
    | "path"
    | "principal"
    | "sizeBytes"
    | "partSizeBytes"
    | "contentType"
    | "metadata"
    | "labels"
    | "dataSubject"
    | "expectedCrc32"
    | "expectedSha256"
    | "computeSha256"
    | "ifGenerationMatch"
    | "bucket"
    | "region"
    | "s3Key"
  > {
  /** Life after the last write, and the longest life of all, in milliseconds. */
  expireAfterMs: number;
  expireCapMs: number;
}

/** How a writer begins. */
export interface WriterOptions {
  /** Name of the process that writes. */
  instance: string;
  /** Life of the upload after this, in milliseconds. */
  expireAfterMs: number;
  /** The range that it writes; the whole file when left out. */
  lane?: ByteRange | undefined;
}

/** What a writer gets when it begins. */
export interface GrantedWriter {
  upload: Upload;
  /** Number of this writer; every later statement of it carries it. */
  epoch: number;
  /** What it writes. */
  range: WriterRange;
  /** Every durable part of the upload, in its range or not; ascending by number. */
  parts: DurablePart[];
  /** Presigned parts of its range whose bytes S3 may have, and whose claims it has taken over; ascending by number. */
  outstanding: PresignedPart[];
}

/** A part that was claimed for a presigned URL, and of which the database does not know yet whether S3 has it. */
export interface PresignedPart {
  partNumber: number;
  /** What the URL was signed for. */
  lengthBytes: number;
  crc32: number;
  /** Of the claim. */
  epoch: number;
}

/** An upload and its parts, as of one moment. */
export interface UploadRecord {
  /** File included once committed. */
  upload: Upload;
  /** Durable ones, ascending by number. */
  parts: DurablePart[];
  /** What is durable, and what each writer that is not fenced has received of its range beyond that. */
  receivedBytes: number;
  /** Presigned parts of an open upload whose claims no newer writer has taken over; ascending by number. */
  outstanding: PresignedPart[];
}

/** What the writer of a single part gets when it begins. */
export type GrantedPart =
  | { kind: "begun"; upload: Upload; epoch: number }
  /** The part is durable already: nothing has changed. */
  | { kind: "durable"; upload: Upload; part: DurablePart };

/** How far an upload is, in sums: light enough to be asked for again and again. Sizes in bytes. */
export interface UploadStatus extends Pick<Upload, "uploadId" | "namespace" | "path" | "sizeBytes"> {
  state: UploadState;
  /** As `get` says it, and never less than what is durable. */
  receivedBytes: number;
  /** As `toDurableState` says it. */
  durableBytes: number;
  /** Present once committed. */
  file: File | undefined;
}

/** What one writer has received so far. */
export interface ReceivedNote {
  uploadId: string;
  epoch: number;
  receivedBytes: number;
}

/**
 * Uploads and their parts, in the database. Every transition is one compare-and-set on the database's clock; no
 * method talks to S3. Common errors: `not_found / UPLOAD_NOT_FOUND`; `aborted / WRITER_FENCED` when a newer writer has
 * begun whose range intersects this one's, whatever it has done since (writers of disjoint ranges work side by side); `failed_precondition / UPLOAD_NOT_OPEN` (details.state) when the state does not
 * allow the step; `unavailable / DATABASE_UNAVAILABLE` when the database cannot be reached. Methods are safe to repeat.
 *
 * Where `epoch` is optional it is that of the writer who finishes: the step is refused WRITER_FENCED, under the row's
 * lock, once that one is fenced. Who has no writer (CompleteUpload, the sweeper) leaves it out.
 */
export interface UploadRepository extends OrphanJudge, UploadSweep {
  /**
   * Creates an upload, or returns the one that the same identity created before (`created` false), whatever became of
   * it and of the path since. Refused, and then not remembered: `failed_precondition / GENERATION_MISMATCH`,
   * `not_found / NAMESPACE_NOT_FOUND`; the identity with other content: `invalid_argument / REQUEST_ID_REUSED`.
   */
  create(input: NewUpload, identity: CommandIdentity): Promise<{ upload: Upload; created: boolean }>;

  /** The upload that this identity created before; undefined when it has created none. REQUEST_ID_REUSED. */
  findCreated(identity: CommandIdentity): Promise<Upload | undefined>;

  /**
   * Remembers that a command on an upload has come, before it does anything: its id stands for this content from then on, also
   * where the command fails. The same again is fine; other content is `invalid_argument / REQUEST_ID_REUSED`.
   */
  noteRequest(identity: CommandIdentity, target: { namespace: string; uploadId: string }): Promise<void>;

  /** One upload with its parts. */
  get(namespace: string, uploadId: string): Promise<UploadRecord>;

  /** How far these uploads are, at once, in any order; ids that are unknown are left out. */
  listStatus(uploadIds: readonly string[]): Promise<UploadStatus[]>;

  /**
   * Makes the caller the upload's newest writer: epoch + 1, a writer row, expiry slid. Writers whose ranges intersect its
   * own are fenced from here on, and forgotten with what they had received. `invalid_argument / RANGE_INVALID` for a lane
   * that `toWriterRange` refuses: nobody is fenced. When the upload is not `open` nothing changes and the upload is
   * returned as it is, with epoch 0 (a committed one is an answer, not an error).
   */
  beginWriter(namespace: string, uploadId: string, options: WriterOptions): Promise<GrantedWriter>;

  /**
   * Makes the caller the newest writer of one part, as `beginWriter` does, and claims the part; by one statement. A part
   * that is durable stays as it is and is returned, also of an upload that is on its way to a file; else the upload must
   * be `open`. Refused, and then nobody is fenced: what `assertUnaryPart` refuses.
   */
  beginPart(
    namespace: string,
    uploadId: string,
    part: { partNumber: number; lengthBytes: number },
    options: Omit<WriterOptions, "lane">,
  ): Promise<GrantedPart>;

  /**
   * Claims parts for presigned URLs, by one statement: each is a writer of that part, with an epoch of its own, which fences
   * others and is fenced as by `beginPart`. Notes that the last URL expires after `lifetimeMs`; the upload does not before.
   * Parts that are durable stay as they are and are returned. Needs `open`. Refused, and then nobody is fenced: what
   * `assertSignable` refuses, and a lifetime beyond the upload's cap (`invalid_argument / ARGUMENT_INVALID`).
   * `signTime` is the moment that the lifetime is counted from, by the database's clock.
   */
  claimPresigned(
    namespace: string,
    uploadId: string,
    parts: readonly { partNumber: number; lengthBytes: number; crc32: number }[],
    options: Omit<WriterOptions, "lane"> & { lifetimeMs: number },
  ): Promise<{ upload: Upload; durable: DurablePart[]; signTime: Date }>;

  /**
   * Records presigned parts that S3 has, with the ETags that it lists; returns those that are durable now. A claim that is
   * not current any more is passed over; `epoch` is that of the writer that has taken the claims over, if one has. Needs `open`.
   */
  adoptParts(
    uploadId: string,
    parts: readonly (PresignedPart & { etag: string })[],
    options?: { epoch?: number | undefined },
  ): Promise<DurablePart[]>;

  /**
   * Notes what a writer has received of its range, earlier durable bytes included, and slides the expiry up to its cap (in steps of a 24th of `expireAfterMs`) while
   * the upload is open or completing. Refused for aborted and expired uploads, and fenced writers.
   */
  heartbeat(uploadId: string, epoch: number, options: { receivedBytes: number; expireAfterMs: number }): Promise<void>;

  /**
   * Notes what many writers have received, never less than before, by one statement. Checks and slides nothing: for
   * progress between heartbeats. Writers that are unknown are passed over.
   */
  noteReceived(notes: readonly ReceivedNote[]): Promise<void>;

  /** Sets the multipart id unless one is set; returns the one that counts. The loser aborts its own. */
  setMultipartId(uploadId: string, multipartId: string): Promise<string>;

  /** Counts and records a PutObject attempt before its bytes go; returns its number, from 1. Needs `open`. */
  beginPutAttempt(uploadId: string, epoch: number): Promise<number>;

  /**
   * Claims parts before their bytes go. Needs `open`. A claim of an older epoch is taken over;
   * durable parts stay as they are. One call for many parts costs what it costs for one. Of a sealed size only parts
   * within it are claimed; `invalid_argument / SIZE_MISMATCH` when already the first lies beyond it.
   */
  claimParts(uploadId: string, epoch: number, partNumbers: { first: number; count: number }): Promise<void>;

  /**
   * Records claimed parts as durable, under the upload's lock, if it is `open`. A part that is
   * durable already stays as it is: the same length and CRC32 are fine, others are `aborted / CHECKSUM_MISMATCH`.
   * `invalid_argument / SIZE_MISMATCH`, and nothing recorded, when one begins beyond the sealed size.
   * Slides nothing. `isLast`: the writer records no more and is forgotten; repeating the call is fine all the same.
   */
  recordParts(
    uploadId: string,
    epoch: number,
    parts: readonly DurablePart[],
    options?: { isLast?: boolean },
  ): Promise<void>;

  /**
   * Sets the size of an upload of unknown size; repeating the same size is fine, another is `SIZE_MISMATCH`. Needs `open`.
   * Parts that begin beyond the size are forgotten, durable ones too: from here on the size says which parts are the file.
   * `expectedSha256` replaces what creation declared, if given: whoever commits will compare it.
   */
  seal(uploadId: string, sizeBytes: number, options?: FinishOptions): Promise<void>;

  /**
   * open -> completing: freezes the manifest, the parts within the sealed size, with the whole-object CRC32; its commit is wanted from here on. `ifGenerationMatch` and `expectedSha256`
   * replace what creation declared, if given. An upload already `completing` is returned unchanged.
   */
  beginCompletion(
    uploadId: string,
    options: { crc32: number; ifGenerationMatch?: number; expectedSha256?: Uint8Array; epoch?: number | undefined },
  ): Promise<Upload>;

  /**
   * completing -> open, with the parts forgotten that S3 does not have (any more) under these ETags. Nothing happens to an open
   * upload, nor to one whose lost parts have all been sent again since: the caller's list is old then.
   */
  reopen(uploadId: string, lost: readonly Pick<DurablePart, "partNumber" | "etag">[]): Promise<void>;

  /** open -> aborted: S3 no longer has its multipart upload, as a writer has heard. Repeating is fine. */
  markLost(uploadId: string, epoch: number): Promise<void>;

  /**
   * Notes that S3 shows neither the multipart upload nor the object of a `completing` upload. That proves nothing at first:
   * S3 may still be assembling. completing -> aborted, and true, when the first such note is `lostAfterMs` old or older.
   * False, and nothing done, for any other upload.
   */
  noteMissing(uploadId: string, options: { lostAfterMs: number }): Promise<boolean>;

  /**
   * completing -> assembled; or open -> assembled for a one-part PutObject (which also seals the size; another size than
   * declared is `SIZE_MISMATCH`). Already assembled or committed: returned unchanged, with the first object.
   * `expectedSha256` as for `seal`.
   */
  assemble(uploadId: string, object: AssembledObject, options?: AssembleOptions): Promise<Upload>;

  /**
   * Notes that the commit of a `completing` or `assembled` upload is under way, which may take long: to be repeated while it is;
   * a failure is forgotten. Or that the commit of an `assembled` one was refused, and is its caller's to ask for again. Does
   * nothing once another call has committed it.
   */
  noteCommit(uploadId: string, wish: CommitWish): Promise<void>;

  /** Notes the SHA-256 of an `assembled` object, computed by reading it back. Does nothing once another call has committed it. */
  setSha256(uploadId: string, sha256: Uint8Array): Promise<void>;

  /**
   * assembled -> committed, with the file row, its generation, the superseded one's end and the outcome in one
   * transaction; `object` given: open -> assembled first, in the same transaction (one-part uploads). `retentionMs`
   * gives the superseded generation its purge time, `retainMs` the new one its retain_until_time. Already committed: returns the same outcome again.
   */
  commit(uploadId: string, options: CommitOptions): Promise<CommitOutcome>;

  /**
   * Notes that the commit of a `completing` or `assembled` upload has failed for good, as far as can be known: it is swept no
   * more, and may be aborted. Does nothing to any other upload.
   */
  noteFailure(uploadId: string, failure: UploadFailure): Promise<void>;

  /** open | failed -> aborted. Aborting an aborted upload returns it; any other state is UPLOAD_NOT_OPEN. */
  abort(namespace: string, uploadId: string): Promise<Upload>;
}
