import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { type Receipt, ReceiptSchema, type File as WireFile } from "../../../gen/sluice/v1/file_pb.ts";
import { type File, isHeldInStorage, toFileEtag } from "../../domain/files/file.ts";
import type { FileChange } from "../../domain/files/file-repository.ts";
import type { GetFileRequest } from "../../queries/get-file.ts";
import { fromOptionalInt64 } from "./int64.ts";

/** A file as the API shows it, built as a literal: `create` took nearly all of the time, and a page has a hundred files. */
export function toFileMessage(file: File): WireFile {
  const message: WireFile = {
    $typeName: "sluice.v1.File",
    namespace: file.namespace,
    path: file.path,
    fileId: file.fileId,
    generation: BigInt(file.generation),
    sizeBytes: BigInt(file.sizeBytes),
    contentType: file.contentType,
    metadata: { ...file.metadata },
    labels: { ...file.labels },
    dataSubject: file.dataSubject,
    bucket: file.bucket,
    region: file.region,
    s3Key: file.s3Key,
    s3VersionId: file.s3VersionId,
    s3Etag: file.s3Etag,
    etag: toFileEtag(file),
    metageneration: BigInt(file.metageneration),
    createTime: toTimestamp(file.createTime),
    updateTime: toTimestamp(file.updateTime),
    legalHold: file.legalHold,
    legalHoldInStorage: isHeldInStorage(file),
    purged: file.purgeState === "purged",
  };
  // No bytes of a purged file are left, and 0 is not its checksum.
  if (!message.purged) message.crc32 = file.crc32;
  const { sha256, supersedeTime, deleteTime, purgeTime, retainUntilTime } = file;
  if (sha256 !== undefined) message.sha256 = sha256;
  if (supersedeTime !== undefined) message.supersedeTime = toTimestamp(supersedeTime);
  if (deleteTime !== undefined) message.deleteTime = toTimestamp(deleteTime);
  if (purgeTime !== undefined) message.purgeTime = toTimestamp(purgeTime);
  if (retainUntilTime !== undefined) message.retainUntilTime = toTimestamp(retainUntilTime);
  return message;
}

/** Does the work of `timestampFromDate` without `create`. */
function toTimestamp(date: Date): Timestamp {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1000) * 1_000_000,
  };
}

/** The proof of what a commit stored. */
export function toReceiptMessage(file: File): Receipt {
  return create(ReceiptSchema, {
    fileId: file.fileId,
    generation: BigInt(file.generation),
    sizeBytes: BigInt(file.sizeBytes),
    ...(file.purgeState !== "purged" && { crc32: file.crc32 }),
    ...(file.sha256 !== undefined && { sha256: file.sha256 }),
    s3Key: file.s3Key,
    s3VersionId: file.s3VersionId,
  });
}

/** The fields that name a file, and optionally a generation of it, in plain values. */
export function fromFileName(message: {
  namespace: string;
  path: string;
  generation?: bigint | undefined;
}): GetFileRequest {
  const { namespace, path } = message;
  const generation = fromOptionalInt64(message.generation, "generation");
  return { namespace, path, ...(generation !== undefined && { generation }) };
}

/** The values that callers may set on a file. */
export function fromFileValues(file: WireFile): FileChange {
  const { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime } = file;
  const until = retainUntilTime && timestampDate(retainUntilTime);
  return { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime: until };
}
