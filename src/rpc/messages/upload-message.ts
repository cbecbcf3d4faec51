import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type ByteRange,
  ByteRangeSchema,
  UploadFailureSchema,
  UploadSchema,
  UploadState,
  type WatchUploadResponse,
  WatchUploadResponseSchema,
  type Upload as WireUpload,
} from "../../../gen/sluice/v1/upload_service_pb.ts";
import { toDurableState } from "../../domain/uploads/durable-state.ts";
import type {
  ByteRange as DomainByteRange,
  UploadState as DomainUploadState,
  DurablePart,
  Upload,
} from "../../domain/uploads/upload.ts";
import type { WatchReport } from "../../queries/upload-watches.ts";
import { toFileMessage, toReceiptMessage } from "./file-message.ts";

const STATES = {
  open: UploadState.OPEN,
  completing: UploadState.COMPLETING,
  assembled: UploadState.ASSEMBLED,
  committed: UploadState.COMMITTED,
  aborted: UploadState.ABORTED,
  expired: UploadState.EXPIRED,
} as const satisfies Record<DomainUploadState, UploadState>;

/**
 * An upload as the API shows it. `parts` are its durable parts, ascending by number. `receivedBytes` is the number of bytes
 * that its newest writer had taken at its last report, which may lag behind the durable bytes.
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
    durableRanges: durable.ranges.map(toByteRangeMessage),
    durableOffset: BigInt(durable.offset),
    durableCrc32: durable.crc32,
    createTime: timestampFromDate(upload.createTime),
    expireTime: timestampFromDate(upload.expireTime),
    ...(upload.file !== undefined && { file: toFileMessage(upload.file) }),
    ...(upload.failure !== undefined && { failure: create(UploadFailureSchema, upload.failure) }),
  });
}

/** The progress of a watched upload as the API shows it. */
export function toWatchUploadResponse(report: WatchReport): WatchUploadResponse {
  const { path, state, sizeBytes, bytesPerSecond, etaMs, file } = report;
  return create(WatchUploadResponseSchema, {
    path,
    state: STATES[state],
    ...(sizeBytes !== undefined && { sizeBytes: BigInt(sizeBytes) }),
    receivedBytes: BigInt(report.receivedBytes),
    durableBytes: BigInt(report.durableBytes),
    committed: state === "committed",
    ...(bytesPerSecond !== undefined && { bytesPerSecond: BigInt(Math.round(bytesPerSecond)) }),
    ...(etaMs !== undefined && { eta: durationFromMs(Math.round(etaMs)) }),
    ...(file !== undefined && { file: toFileMessage(file), receipt: toReceiptMessage(file) }),
  });
}

/** A range as the API shows it. */
export function toByteRangeMessage({ offset, sizeBytes }: DomainByteRange): ByteRange {
  return create(ByteRangeSchema, { offset: BigInt(offset), sizeBytes: BigInt(sizeBytes) });
}
