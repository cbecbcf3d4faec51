import type { Actor } from "../deed.ts";
import type { DomainError } from "../errors.ts";
import type { AssembledObject, DurablePart, Upload, UploadFailure } from "./upload.ts";

/** How a writer or a caller ends the bytes of an upload. */
export interface FinishOptions {
  /** Number of the writer who finishes; left out where there is none. */
  epoch?: number | undefined;
  /** SHA-256 of the whole file; replaces the one that creation declared. */
  expectedSha256?: Uint8Array | undefined;
}

/** Who wants a commit, and under which condition. */
export interface CommitTerms {
  /** Replaces the precondition that creation declared. */
  ifGenerationMatch?: number | undefined;
  /** Whom the entry of the commit names. Left out by those who go on with a commit for another: it names whoever wanted it last. */
  committer?: Actor | undefined;
}

/** How an upload is assembled. */
export interface AssembleOptions extends FinishOptions, CommitTerms {
  /** Whether its commit is to follow, whoever makes it. The commit of a `completing` upload always is. */
  isCommitWanted?: boolean;
}

/** Whether an `assembled` upload is to be committed, also when nobody asks again. */
export interface CommitWish extends CommitTerms {
  isWanted: boolean;
  /** What the commit is to compare; replaces what was declared before, if given. */
  expectedSha256?: Uint8Array | undefined;
}

/** How an upload is committed. */
export interface CommitOptions extends CommitTerms {
  /** Id of the file to be, a UUID. */
  fileId: string;
  /** How long the superseded generation is kept, in milliseconds. */
  retentionMs: number;
  /** How long the committed generation is to be retained, in milliseconds from the commit; left out for not at all. */
  retainMs?: number | undefined;
  /** The object of a one-part upload that is still `open`. */
  object?: AssembledObject | undefined;
  /** Number of the writer who commits; left out where there is none. */
  epoch?: number | undefined;
}

/** How a commit ended. Every outcome has been written down when it is returned. */
export type CommitOutcome =
  | { kind: "committed"; upload: Upload }
  /** The precondition failed: the upload stays `assembled`, and its commit is no longer wanted. `currentGeneration` is 0 when no live file is there. */
  | { kind: "generation-mismatch"; upload: Upload; currentGeneration: number }
  /** A quota of storage has no room for the file, `resource_exhausted / QUOTA_STORAGE`: the same becomes of the upload. */
  | { kind: "over-quota"; upload: Upload; refusal: DomainError };

/** Takes an upload from its last byte to its file. Errors that all methods share: see `UploadRepositories`. */
export interface UploadCommits {
  /**
   * Sets the size of an upload of unknown size; repeating the same size is fine, another is `SIZE_MISMATCH`. Needs `open`.
   * Parts that begin beyond the size are forgotten, durable ones too: from here on the size says which parts are the file.
   * Whoever commits will compare `expectedSha256`.
   */
  seal(uploadId: string, sizeBytes: number, options?: FinishOptions): Promise<void>;

  /**
   * open -> completing: freezes the manifest, which is the parts within the sealed size, with the whole-object CRC32. From
   * here on the commit is wanted. `ifGenerationMatch` and `expectedSha256` replace what creation declared, if given. An upload
   * that is already `completing` is returned unchanged.
   */
  beginCompletion(uploadId: string, options: FinishOptions & CommitTerms & { crc32: number }): Promise<Upload>;

  /**
   * completing -> open, without the parts that S3 does not have (any more) under these ETags. Nothing happens to an open
   * upload, nor to one whose lost parts have all been sent again since: the caller's list is old then.
   */
  reopen(uploadId: string, lost: readonly Pick<DurablePart, "partNumber" | "etag">[]): Promise<void>;

  /**
   * Notes that S3 shows neither the multipart upload nor the object of a `completing` upload. The first note proves nothing,
   * because S3 may still be assembling. When the first note is `lostAfterMs` old or older the upload goes from completing to
   * aborted, and the result is true. In every other case the result is false; uploads in other states stay as they are.
   */
  noteMissing(uploadId: string, options: { lostAfterMs: number }): Promise<boolean>;

  /**
   * completing -> assembled; or open -> assembled for a one-part PutObject, which also seals the size (`SIZE_MISMATCH` when
   * another size was declared). An upload that is assembled or committed already is returned unchanged, with its first object.
   */
  assemble(uploadId: string, object: AssembledObject, options?: AssembleOptions): Promise<Upload>;

  /**
   * Wanted: notes that the commit of a `completing` or `assembled` upload is under way, and forgets an earlier failure; a
   * commit that takes long repeats this. Not wanted: notes that the commit of an `assembled` upload was refused, so that its
   * caller decides what happens next. Does nothing once another call has committed the upload.
   */
  noteCommit(uploadId: string, wish: CommitWish): Promise<void>;

  /** Notes the SHA-256 of an `assembled` object, computed by reading it back. Does nothing once another call has committed it. */
  setSha256(uploadId: string, sha256: Uint8Array): Promise<void>;

  /**
   * assembled -> committed, with the file row, its generation, the end of the superseded one and the outcome in one
   * transaction. `object` is given for a one-part upload, which goes from open to assembled first, in the same transaction.
   * `retentionMs` gives the superseded generation its purge time, `retainMs` the new one its retain_until_time. A committed
   * upload returns the same outcome again. The bytes of the file count as kept from here on.
   */
  commit(uploadId: string, options: CommitOptions): Promise<CommitOutcome>;

  /**
   * Notes that the commit of a `completing` or `assembled` upload has failed for good, as far as can be known: the upload is
   * not swept any more, and may be aborted. Does nothing to any other upload.
   */
  noteFailure(uploadId: string, failure: UploadFailure): Promise<void>;
}
