import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type WriteUploadChunk,
  WriteUploadCommittedSchema,
  type WriteUploadFinish,
  WriteUploadProgressSchema,
  type WriteUploadResponse,
  WriteUploadResponseSchema,
  type WriteUploadStart,
  WriteUploadStartedSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import type { ChunkHeader } from "../commands/chunk-rules.ts";
import type { WriteStarted } from "../commands/write-started.ts";
import type { WriteFinish, WriteProgress, WriteStart } from "../commands/write-upload.ts";
import { invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/file.ts";
import { fromCreateUploadRequest } from "../rpc/create-upload-message.ts";
import { toFileMessage, toReceiptMessage } from "../rpc/file-message.ts";
import { fromInt64, fromOptionalInt64 } from "../rpc/int64.ts";
import { toByteRangeMessages } from "../rpc/upload-message.ts";

/** What a chunk says of itself. */
export function toChunkHeader(chunk: WriteUploadChunk): ChunkHeader {
  return { offset: fromInt64(chunk.offset, "chunk.offset"), lengthBytes: chunk.data.length, crc32: chunk.crc32 };
}

/** Which upload a start names. */
export function fromStart({ target }: WriteUploadStart): WriteStart {
  switch (target.case) {
    case "create":
      return { create: fromCreateUploadRequest(target.value) };
    case "upload":
      return { namespace: target.value.namespace, uploadId: target.value.uploadId };
    case undefined:
      throw invalidArgument("start.target", "start names no upload; set create or upload");
  }
}

/** What a finish declares of the whole file; an unset `commit` means yes. */
export function fromFinish(finish: WriteUploadFinish): WriteFinish {
  return {
    sizeBytes: fromOptionalInt64(finish.sizeBytes, "finish.size_bytes"),
    crc32: finish.crc32,
    sha256: finish.sha256,
    commit: finish.commit ?? true,
  };
}

/** The first answer of a stream. */
export function toStartedMessage(started: WriteStarted): WriteUploadResponse {
  const value = create(WriteUploadStartedSchema, {
    uploadId: started.upload.uploadId,
    durableRanges: toByteRangeMessages(started.durable.ranges),
    durableOffset: BigInt(started.durable.offset),
    durableCrc32: started.durable.crc32,
    partSizeBytes: BigInt(started.upload.partSizeBytes),
    chunkSizeMaxBytes: started.chunkSizeMaxBytes,
    fileSizeMaxBytes: BigInt(started.fileSizeMaxBytes),
    stallTimeout: durationFromMs(started.stallTimeoutMs),
  });
  return create(WriteUploadResponseSchema, { message: { case: "started", value } });
}

/** How far the upload is. */
export function toProgressMessage(progress: WriteProgress): WriteUploadResponse {
  const value = create(WriteUploadProgressSchema, {
    receivedBytes: BigInt(progress.receivedBytes),
    durableBytes: BigInt(progress.durableBytes),
    committed: progress.isCommitted,
  });
  return create(WriteUploadResponseSchema, { message: { case: "progress", value } });
}

/** The last answer of a stream that commits. */
export function toCommittedMessage(file: File): WriteUploadResponse {
  const value = create(WriteUploadCommittedSchema, { file: toFileMessage(file), receipt: toReceiptMessage(file) });
  return create(WriteUploadResponseSchema, { message: { case: "committed", value } });
}
