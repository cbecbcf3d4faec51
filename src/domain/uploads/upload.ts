import { combineCrc32 } from "../crc32.ts";
import type { File } from "../files/file.ts";
import type { FileDescription } from "../files/file-description.ts";

/** Where an upload stands: open -> completing -> assembled -> committed, or -> aborted | expired. */
export type UploadState = "open" | "completing" | "assembled" | "committed" | "aborted" | "expired";

/** A part that S3 acknowledged and the database recorded. */
export interface DurablePart {
  partNumber: number;
  lengthBytes: number;
  /** CRC32 of the part's bytes, unsigned 32 bit. */
  crc32: number;
  /** As S3 answered it, without quotes. Pins the bytes that Complete will take. */
  etag: string;
}

/** The S3 object that an upload was assembled into. */
export interface AssembledObject {
  key: string;
  versionId: string;
  etag: string;
  sizeBytes: number;
  crc32: number;
  sha256: Uint8Array | undefined;
}

/** Why the commit of an upload cannot be made for good, as far as can be known: storage has other bytes, or none, or cannot show which. */
export interface UploadFailure {
  reason: string;
  /** A sentence. */
  message: string;
}

/** A session that turns bytes into a file. */
export interface Upload extends FileDescription {
  uploadId: string;
  namespace: string;
  path: string;
  state: UploadState;
  principal: string;
  /** Declared at creation, or sealed by finish. */
  sizeBytes: number | undefined;
  /** Most bytes that it takes, whatever the namespace allows; undefined where the namespace alone decides. */
  sizeMaxBytes: number | undefined;
  partSizeBytes: number;
  expectedCrc32: number | undefined;
  expectedSha256: Uint8Array | undefined;
  computeSha256: boolean;
  ifGenerationMatch: number | undefined;
  bucket: string;
  region: string;
  /** Key of the multipart object; a one-part PutObject writes to `${s3Key}.${attempt}`. */
  s3Key: string;
  multipartId: string | undefined;
  /** PutObject attempts begun so far. */
  putAttempt: number;
  /** Number of the newest writer; 0 before the first. */
  epoch: number;
  /** CRC32 of the whole file, frozen with its parts: present from `completing` on. */
  crc32: number | undefined;
  /** Present from `assembled` on. */
  object: AssembledObject | undefined;
  /** Present once committed. */
  file: File | undefined;
  /** Why the commit has failed; only of an upload that is completing or assembled, or that was aborted for this failure. */
  failure: UploadFailure | undefined;
  createTime: Date;
  expireTime: Date;
}

/** A contiguous range of bytes. */
export interface ByteRange {
  offset: number;
  sizeBytes: number;
}

/** The durable bytes of an upload as ascending, disjoint, maximal ranges. `parts` ascend by number. */
export function toDurableRanges(upload: Pick<Upload, "partSizeBytes">, parts: readonly DurablePart[]): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const part of parts) {
    const offset = (part.partNumber - 1) * upload.partSizeBytes;
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.sizeBytes === offset) last.sizeBytes += part.lengthBytes;
    else ranges.push({ offset, sizeBytes: part.lengthBytes });
  }
  return ranges;
}

/**
 * The bytes of an upload of `sizeBytes` that are not durable, as ascending, disjoint, maximal ranges. `parts` ascend by
 * number.
 */
export function toMissingRanges(
  upload: Pick<Upload, "partSizeBytes">,
  parts: readonly DurablePart[],
  sizeBytes: number,
): ByteRange[] {
  const missing: ByteRange[] = [];
  let offset = 0;
  for (const durable of [...toDurableRanges(upload, parts), { offset: sizeBytes, sizeBytes: 0 }]) {
    if (durable.offset > offset) missing.push({ offset, sizeBytes: durable.offset - offset });
    offset = durable.offset + durable.sizeBytes;
  }
  return missing;
}

/**
 * The parts that cover the bytes from 0, or from where part `first` begins, without a gap: a writer may go on behind them.
 * `parts` ascend by number, and none comes before `first`.
 */
export function durablePrefix(parts: readonly DurablePart[], first = 1): DurablePart[] {
  const prefix: DurablePart[] = [];
  for (const part of parts) {
    if (part.partNumber !== first + prefix.length) break;
    prefix.push(part);
  }
  return prefix;
}

/** Sum of the parts' lengths in bytes. */
export function totalBytes(parts: readonly Pick<DurablePart, "lengthBytes">[]): number {
  return parts.reduce((sum, part) => sum + part.lengthBytes, 0);
}

/** CRC32 of the bytes of adjoining parts, in their order; 0 for none. */
export function combineParts(parts: readonly DurablePart[]): number {
  return parts.reduce((crc, part) => combineCrc32(crc, part.crc32, part.lengthBytes), 0);
}
