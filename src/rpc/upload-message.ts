import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ByteRange,
  ByteRangeSchema,
  UploadSchema,
  UploadState,
  type Upload as WireUpload,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import {
  combineParts,
  type ByteRange as DomainByteRange,
  type UploadState as DomainUploadState,
  type DurablePart,
  durablePrefix,
  toDurableRanges,
  totalBytes,
  type Upload,
} from "../domain/upload.ts";
import { toFileMessage } from "./file-message.ts";

/** What is durable of an upload, as Upload and WriteUploadStarted say it. Sizes and offsets in bytes. */
export interface DurableState {
  ranges: DomainByteRange[];
  /** Sum of the ranges. */
  sizeBytes: number;
  /** End of the range that begins at 0; 0 when none does. */
  offset: number;
  /** CRC32 of the bytes from 0 to `offset`. */
  crc32: number;
}

const STATES = {
  open: UploadState.OPEN,
  completing: UploadState.COMPLETING,
  assembled: UploadState.ASSEMBLED,
  committed: UploadState.COMMITTED,
  aborted: UploadState.ABORTED,
  expired: UploadState.EXPIRED,
} as const satisfies Record<DomainUploadState, UploadState>;

/**
 * An upload as the API shows it. `parts` are its durable parts, ascending by number; `receivedBytes` is what its newest
 * writer had taken when it last said so, which may lag behind what is durable.
 */
export function toUploadMessage(progress: {
  upload: Upload;
  parts: readonly DurablePart[];
  receivedBytes: number;
}): WireUpload {
  const { upload, parts } = progress;
  const durable = toDurableState(upload, parts);
  return create(UploadSchema, {
    uploadId: upload.uploadId,
    namespace: upload.namespace,
    path: upload.path,
    state: STATES[upload.state],
    ...(upload.sizeBytes !== undefined && { sizeBytes: BigInt(upload.sizeBytes) }),
    partSizeBytes: BigInt(upload.partSizeBytes),
    receivedBytes: BigInt(Math.max(progress.receivedBytes, durable.sizeBytes)),
    durableBytes: BigInt(durable.sizeBytes),
    durableRanges: toByteRangeMessages(durable.ranges),
    durableOffset: BigInt(durable.offset),
    durableCrc32: durable.crc32,
    createTime: timestampFromDate(upload.createTime),
    expireTime: timestampFromDate(upload.expireTime),
    ...(upload.file !== undefined && { file: toFileMessage(upload.file) }),
  });
}

/**
 * What is durable: all of an assembled object (a one-part file has no part rows), the parts of an unfinished one, and
 * nothing of an upload that was given up or expired, whose bytes are being deleted.
 */
export function toDurableState(upload: Upload, parts: readonly DurablePart[]): DurableState {
  if (upload.state === "aborted" || upload.state === "expired")
    return { ranges: [], sizeBytes: 0, offset: 0, crc32: 0 };
  if (upload.object !== undefined) {
    const { sizeBytes, crc32 } = upload.object;
    return { ranges: sizeBytes === 0 ? [] : [{ offset: 0, sizeBytes }], sizeBytes, offset: sizeBytes, crc32 };
  }
  const prefix = durablePrefix(parts);
  return {
    ranges: toDurableRanges(upload, parts),
    sizeBytes: totalBytes(parts),
    offset: totalBytes(prefix),
    crc32: combineParts(prefix),
  };
}

/** Ranges as the API shows them. */
export function toByteRangeMessages(ranges: readonly DomainByteRange[]): ByteRange[] {
  return ranges.map(({ offset, sizeBytes }) =>
    create(ByteRangeSchema, { offset: BigInt(offset), sizeBytes: BigInt(sizeBytes) }),
  );
}
