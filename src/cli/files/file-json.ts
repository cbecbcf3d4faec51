import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { File, Receipt } from "../../../gen/sluice/v1/file_pb.ts";
import { formatBytes } from "../terminal/human-units.ts";

/** A file for programs: numbers as numbers (sizes stay far below 2^53), checksums in hex, times in ISO 8601. */
export function toFileJson(file: File): Record<string, unknown> {
  const { createTime, updateTime, supersedeTime, deleteTime, purgeTime, retainUntilTime } = file;
  return {
    path: file.path,
    namespace: file.namespace,
    fileId: file.fileId,
    generation: Number(file.generation),
    sizeBytes: Number(file.sizeBytes),
    ...(file.crc32 !== undefined && { crc32: toCrcHex(file.crc32) }),
    ...(file.sha256 !== undefined && { sha256: Buffer.from(file.sha256).toString("hex") }),
    contentType: file.contentType,
    metadata: file.metadata,
    labels: file.labels,
    ...(file.dataSubject !== "" && { dataSubject: file.dataSubject }),
    ...(createTime && { createTime: timestampDate(createTime).toISOString() }),
    ...(updateTime && { updateTime: timestampDate(updateTime).toISOString() }),
    ...(supersedeTime && { supersedeTime: timestampDate(supersedeTime).toISOString() }),
    ...(deleteTime && { deleteTime: timestampDate(deleteTime).toISOString() }),
    ...(purgeTime && { purgeTime: timestampDate(purgeTime).toISOString() }),
    ...(file.purged && { purged: true }),
    ...(file.legalHold && { legalHold: true, legalHoldInStorage: file.legalHoldInStorage }),
    ...(retainUntilTime && { retainUntilTime: timestampDate(retainUntilTime).toISOString() }),
  };
}

/** A receipt for programs, in the same form. */
export function toReceiptJson(receipt: Receipt): Record<string, unknown> {
  return {
    fileId: receipt.fileId,
    generation: Number(receipt.generation),
    sizeBytes: Number(receipt.sizeBytes),
    ...(receipt.crc32 !== undefined && { crc32: toCrcHex(receipt.crc32) }),
    ...(receipt.sha256 !== undefined && { sha256: Buffer.from(receipt.sha256).toString("hex") }),
    s3Key: receipt.s3Key,
    s3VersionId: receipt.s3VersionId,
  };
}

/** The result of a commit in words: the size, the generation, and, unless the bytes are purged, the checksum. */
export function toStoredWords({
  sizeBytes,
  generation,
  crc32,
}: Pick<Receipt, "sizeBytes" | "generation" | "crc32">): string {
  const bytes = crc32 === undefined ? "its bytes are purged" : `CRC32 ${toCrcHex(crc32)}`;
  return `${formatBytes(Number(sizeBytes))}, generation ${generation}, ${bytes}`;
}

/** A CRC32 as eight hex digits, the way people compare them. */
export function toCrcHex(crc32: number): string {
  return crc32.toString(16).padStart(8, "0");
}
