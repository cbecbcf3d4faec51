import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type ByteRange as WireByteRange,
  type WriteUploadChunk,
  WriteUploadCommittedSchema,
  type WriteUploadFinish,
  WriteUploadLaneDoneSchema,
  WriteUploadProgressSchema,
  type WriteUploadResponse,
  WriteUploadResponseSchema,
  type WriteUploadStart,
  WriteUploadStartedSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import { invalidArgument } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { ByteRange } from "../domain/uploads/upload.ts";
import { fromCreateUploadRequest } from "../rpc/messages/create-upload-message.ts";
import { toFileMessage, toReceiptMessage } from "../rpc/messages/file-message.ts";
import { fromInt64, fromOptionalInt64 } from "../rpc/messages/int64.ts";
import { toByteRangeMessage } from "../rpc/messages/upload-message.ts";
import type { ChunkHeader } from "../transfer/chunk-rules.ts";
import type { WriteFinish, WriteOutcome } from "../transfer/finish-write.ts";
import type { StartedReply } from "../transfer/started-reply.ts";
import type { WriteProgress } from "../transfer/transfer-access.ts";
import type { WriteRequest } from "../transfer/write-upload.ts";

/** Reads the head of a chunk. */
export function toChunkHeader(chunk: WriteUploadChunk): ChunkHeader {
  return { offset: fromInt64(chunk.offset, "chunk.offset"), lengthBytes: chunk.data.length, crc32: chunk.crc32 };
}

/** Reads a start: which upload it names, and which lane. */
export function fromStart({ target, lane: range }: WriteUploadStart): WriteRequest {
  const lane = range === undefined ? undefined : fromLane(range);
  switch (target.case) {
    case "create":
      return { create: fromCreateUploadRequest(target.value), lane };
    case "upload":
      return { namespace: target.value.namespace, uploadId: target.value.uploadId, lane };
    case undefined:
      throw invalidArgument("start.target", "start names no upload; set create or upload");
  }
}

function fromLane({ offset, sizeBytes }: WireByteRange): ByteRange {
  return { offset: fromInt64(offset, "start.lane.offset"), sizeBytes: fromInt64(sizeBytes, "start.lane.size_bytes") };
}

/** Reads a finish; an unset `commit` means yes. */
export function fromFinish(finish: WriteUploadFinish): WriteFinish {
  return {
    sizeBytes: fromOptionalInt64(finish.sizeBytes, "finish.size_bytes"),
    crc32: finish.crc32,
    sha256: finish.sha256,
    laneCrc32: finish.laneCrc32,
    commit: finish.commit ?? true,
  };
}

/** The first answer of a stream. */
export function toStartedMessage(started: StartedReply): WriteUploadResponse {
  const value = create(WriteUploadStartedSchema, {
    uploadId: started.upload.uploadId,
    durableRanges: started.durable.ranges.map(toByteRangeMessage),
    durableOffset: BigInt(started.durable.offset),
    durableCrc32: started.durable.crc32,
    partSizeBytes: BigInt(started.upload.partSizeBytes),
    chunkSizeMaxBytes: started.chunkSizeMaxBytes,
    fileSizeMaxBytes: BigInt(started.fileSizeMaxBytes),
    stallTimeout: durationFromMs(started.stallTimeoutMs),
    ...(started.lane !== undefined && { lane: toByteRangeMessage(started.lane) }),
  });
  return create(WriteUploadResponseSchema, { message: { case: "started", value } });
}

/** The answer that tells how far the stream is. */
export function toProgressMessage(progress: WriteProgress): WriteUploadResponse {
  const value = create(WriteUploadProgressSchema, {
    receivedBytes: BigInt(progress.receivedBytes),
    durableBytes: BigInt(progress.durableBytes),
    committed: progress.isCommitted,
    durableOffset: BigInt(progress.durableOffset),
  });
  return create(WriteUploadResponseSchema, { message: { case: "progress", value } });
}

/** The last answer of a stream that has finished; undefined where its last progress is the last answer. */
export function toOutcomeMessage(outcome: WriteOutcome): WriteUploadResponse | undefined {
  switch (outcome.kind) {
    case "committed":
      return toCommittedMessage(outcome.file);
    case "lane-done": {
      const { lane, crc32, ranges } = outcome;
      const value = create(WriteUploadLaneDoneSchema, {
        lane: toByteRangeMessage(lane),
        crc32,
        durableRanges: ranges.map(toByteRangeMessage),
      });
      return create(WriteUploadResponseSchema, { message: { case: "laneDone", value } });
    }
    case "sealed":
      return undefined;
  }
}

/** The last answer of a stream that commits. */
export function toCommittedMessage(file: File): WriteUploadResponse {
  const value = create(WriteUploadCommittedSchema, { file: toFileMessage(file), receipt: toReceiptMessage(file) });
  return create(WriteUploadResponseSchema, { message: { case: "committed", value } });
}
