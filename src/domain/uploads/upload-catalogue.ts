import type { UploadToken } from "../caller.ts";
import type { CommandIdentity } from "../command-identity.ts";
import type { Actor } from "../deed.ts";
import type { File } from "../files/file.ts";
import type { DurablePart, Upload, UploadState } from "./upload.ts";
import type { PresignedPart, WriterOptions } from "./upload-writers.ts";

/** An upload to be created; the database decides everything that is not here. */
export interface NewUpload
  extends Pick<
    Upload,
    | "uploadId"
    | "namespace"
    | "path"
    | "principal"
    | "sizeBytes"
    | "sizeMaxBytes"
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
  /** The path that it is a copy of: its bytes come from storage, and count as kept but not as uploaded; undefined for bytes of its caller. */
  copiedPath?: string | undefined;
  /** Life after the last write, and the longest life of all, in milliseconds. */
  expireAfterMs: number;
  expireCapMs: number;
  /**
   * The process of the stream that creates it to write the whole file: the upload then has its first writer (`toFirstWriter`). Left out
   * of uploads that are created for later.
   */
  firstWriter?: Pick<WriterOptions, "instance"> | undefined;
  /** The upload token that creates it: this is one of the token's uploads. */
  uploadToken: Pick<UploadToken, "tokenId" | "uploadsMax" | "expireTime"> | undefined;
}

/** An upload and its parts at one moment. */
export interface UploadRecord {
  /** Has its file once it is committed. */
  upload: Upload;
  /** The durable parts, ascending by number. */
  parts: DurablePart[];
  /** The durable bytes, and the bytes beyond them that each writer which is not fenced has received of its range. */
  receivedBytes: number;
  /** Presigned parts of an open upload whose claims no newer writer has taken over; ascending by number. */
  outstanding: PresignedPart[];
}

/** How far an upload is, in sums: light enough to be asked for again and again. Sizes in bytes. */
export interface UploadStatus extends Pick<Upload, "uploadId" | "namespace" | "path" | "sizeBytes"> {
  state: UploadState;
  /** The number that `get` returns, and never less than `durableBytes`. */
  receivedBytes: number;
  /** The size that `toDurableState` returns. */
  durableBytes: number;
  /** Present once committed. */
  file: File | undefined;
}

/** Creates uploads, shows them and gives them up. Errors that all methods share: see `UploadRepositories`. */
export interface UploadCatalogue {
  /**
   * Creates an upload, or returns the upload that the same identity created before (`created` false), whatever became of
   * that upload and of the path since. Refusals: `failed_precondition / GENERATION_MISMATCH`, `not_found /
   * NAMESPACE_NOT_FOUND`, `resource_exhausted / QUOTA_STORAGE` and `QUOTA_BYTES_PER_DAY` when the declared size (one byte when
   * there is none) is more than the quotas leave, and `invalid_argument / REQUEST_ID_REUSED` for an identity that stands for
   * other content. An upload token creates at most its `uploadsMax` (`failed_precondition / UPLOAD_TOKEN_USED_UP`), however
   * many calls come at once, and none from its `expireTime` on, by the database's clock (`unauthenticated / TOKEN_EXPIRED`). A
   * refused request is not remembered, and is no use of a token. A first writer is what `beginWriter` would have made, and where the
   * whole file is one part (`isOnePart`) its first PutObject attempt is counted as `beginPutAttempt` would.
   */
  create(input: NewUpload, identity: CommandIdentity): Promise<{ upload: Upload; created: boolean }>;

  /** The upload that this identity created before; undefined when it has created none. REQUEST_ID_REUSED. */
  findCreated(identity: CommandIdentity): Promise<Upload | undefined>;

  /**
   * Remembers a command on an upload of its namespace before the command does anything: from then on its id stands for this
   * content, also where the command fails. Noting the same command again is fine; other content is `invalid_argument /
   * REQUEST_ID_REUSED`.
   */
  noteRequest(identity: CommandIdentity, uploadId: string): Promise<void>;

  /** One upload with its parts. */
  get(namespace: string, uploadId: string): Promise<UploadRecord>;

  /** How far these uploads are, by one statement and in any order; unknown ids are left out. */
  listStatus(uploadIds: readonly string[]): Promise<UploadStatus[]>;

  /**
   * Enters in the journal that an upload token is made, and returns the time when it ends: `lifetimeMs` from now, by the database's
   * clock. Nothing else is kept of it before it is used. NAMESPACE_NOT_FOUND.
   */
  enterToken(token: Omit<UploadToken, "expireTime">, options: { lifetimeMs: number; actor: Actor }): Promise<Date>;

  /** Forgets upload tokens that expired longer than `olderThanMs` ago, at most `limit`; returns how many there were. */
  forgetTokens(options: { olderThanMs: number; limit: number }): Promise<number>;

  /** open | failed -> aborted. Aborting an aborted upload returns it; any other state is UPLOAD_NOT_OPEN. */
  abort(namespace: string, uploadId: string, actor: Actor): Promise<Upload>;
}
