import { create } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { FileSchema, type Receipt, ReceiptSchema, type File as WireFile } from "../../gen/sluice/v1/file_pb.ts";
import { type File, toFileEtag } from "../domain/file.ts";
import type { FileChange } from "../domain/file-repository.ts";
import type { GetFileRequest } from "../queries/get-file.ts";
import { fromOptionalInt64 } from "./int64.ts";

/** A file as the API shows it. */
export function toFileMessage(file: File): WireFile {
  return create(FileSchema, {
    namespace: file.namespace,
    path: file.path,
    fileId: file.fileId,
    generation: BigInt(file.generation),
    sizeBytes: BigInt(file.sizeBytes),
    crc32: file.crc32,
    ...(file.sha256 !== undefined && { sha256: file.sha256 }),
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
    createTime: timestampFromDate(file.createTime),
    updateTime: timestampFromDate(file.updateTime),
    ...(file.supersedeTime !== undefined && { supersedeTime: timestampFromDate(file.supersedeTime) }),
    ...(file.deleteTime !== undefined && { deleteTime: timestampFromDate(file.deleteTime) }),
    ...(file.purgeTime !== undefined && { purgeTime: timestampFromDate(file.purgeTime) }),
    legalHold: file.legalHold,
    ...(file.retainUntilTime !== undefined && { retainUntilTime: timestampFromDate(file.retainUntilTime) }),
    purged: file.purgeState === "purged",
  });
}

/** The proof of what a commit stored. */
export function toReceiptMessage(file: File): Receipt {
  return create(ReceiptSchema, {
    fileId: file.fileId,
    generation: BigInt(file.generation),
    sizeBytes: BigInt(file.sizeBytes),
    crc32: file.crc32,
    ...(file.sha256 !== undefined && { sha256: file.sha256 }),
    s3Key: file.s3Key,
    s3VersionId: file.s3VersionId,
  });
}

/** The fields that name a file, and maybe a generation of it, in plain values. */
export function fromFileName(message: {
  namespace: string;
  path: string;
  generation?: bigint | undefined;
}): GetFileRequest {
  const { namespace, path } = message;
  const generation = fromOptionalInt64(message.generation, "generation");
  return { namespace, path, ...(generation !== undefined && { generation }) };
}

/** What callers may say of a file, in plain values. */
export function fromFileValues(file: WireFile): FileChange {
  const { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime } = file;
  const until = retainUntilTime && timestampDate(retainUntilTime);
  return { contentType, metadata, labels, dataSubject, legalHold, retainUntilTime: until };
}
