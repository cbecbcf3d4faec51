import type { FileDescription } from "./file-description.ts";
import type { FileRetention } from "./file-retention.ts";

/** One committed generation of the object at a path. */
export interface File extends FileDescription, FileRetention {
  fileId: string;
  namespace: string;
  path: string;
  /** Counts the commits to the path, from 1; never used twice for a path. */
  generation: number;
  sizeBytes: number;
  /** CRC32 (ISO-HDLC) of all bytes, unsigned 32 bit. */
  crc32: number;
  /** 32 bytes; absent unless computed. */
  sha256: Uint8Array | undefined;
  bucket: string;
  region: string;
  s3Key: string;
  /** Empty where the bucket keeps no versions. */
  s3VersionId: string;
  /** ETag of the S3 object, without quotes. */
  s3Etag: string;
  /** Counts the changes of this generation's row, from 1. */
  metageneration: number;
  createTime: Date;
  updateTime: Date;
  /** When a later generation took the path. */
  supersedeTime: Date | undefined;
  deleteTime: Date | undefined;
  /** When the bytes of a deleted or superseded generation go for good, if nothing retains them; or went, once purged. */
  purgeTime: Date | undefined;
  /**
   * Whether storage is known to hold the object, or not, as `legalHold` says; false while that may be otherwise. Undefined: it was
   * never asked to, or the bucket has no Object Lock.
   */
  holdSettled: boolean | undefined;
  /**
   * How far the removal of the bytes is: `purging` bytes may be gone already, and the row of a `purged` file is a
   * tombstone.
   */
  purgeState: "purging" | "purged" | undefined;
}

/** The fields that are the same for every fresh file. */
export const NEW_FILE = {
  metageneration: 1,
  supersedeTime: undefined,
  deleteTime: undefined,
  purgeTime: undefined,
  legalHold: false,
  retainUntilTime: undefined,
  holdSettled: undefined,
  purgeState: undefined,
} as const satisfies Partial<File>;

/** Whether a hold of a file is more than a record: storage, too, keeps the object under Object Lock. */
export function isHeldInStorage({ legalHold, holdSettled }: Pick<File, "legalHold" | "holdSettled">): boolean {
  return legalHold && holdSettled === true;
}

/** Changes with every change of the file, and is never the same for another: what AIP-154 and If-Match compare. */
export function toFileEtag(file: Pick<File, "fileId" | "metageneration">): string {
  return `${file.fileId}.${file.metageneration}`;
}
