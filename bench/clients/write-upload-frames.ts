import { randomUUID } from "node:crypto";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  WriteUploadChunkSchema,
  WriteUploadRequestSchema,
  WriteUploadResponseSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import { frameBefore } from "./grpc-frame.ts";

/** Path of the WriteUpload method. */
export const WRITE_UPLOAD_PATH = "/sluice.v1.UploadService/WriteUpload";

const requestField = WriteUploadRequestSchema.field;
const chunkField = WriteUploadChunkSchema.field;

/** The range of a file that one of several streams sends. */
export interface Lane {
  /** A UUID, which all lanes of one file share. */
  readonly requestId: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * The frame that begins an upload to a path of its own, or one lane of an upload. Without `sizeBytes` the service is not told
 * the size.
 */
export function startFrame(sizeBytes?: number, lane?: Lane): Buffer {
  const requestId = lane?.requestId ?? randomUUID();
  const create = {
    requestId,
    namespace: "default",
    path: `bench/${requestId}`,
    ...(sizeBytes !== undefined && { sizeBytes: BigInt(sizeBytes) }),
  };
  const range = lane && { offset: BigInt(lane.offset), sizeBytes: BigInt(lane.sizeBytes) };
  const target = { case: "create" as const, value: create };
  return encode({ message: { case: "start", value: { target, ...(range && { lane: range }) } } });
}

/** Everything in a chunk's frame that precedes the bytes of `data`. The bytes follow as they are. */
export function chunkFrame(chunk: { offset: number; crc32?: number | undefined }, data: Buffer): Buffer {
  const inner = new BinaryWriter().tag(chunkField.offset.number, WireType.Varint).int64(chunk.offset);
  if (chunk.crc32 !== undefined) inner.tag(chunkField.crc32.number, WireType.Bit32).fixed32(chunk.crc32);
  inner.tag(chunkField.data.number, WireType.LengthDelimited).uint32(data.length);
  const head = inner.finish();
  const outer = new BinaryWriter().tag(requestField.chunk.number, WireType.LengthDelimited);
  return frameBefore(Buffer.concat([outer.uint32(head.length + data.length).finish(), head]), data);
}

/** The frame that ends an upload and commits it. */
export function finishFrame(sizeBytes: number): Buffer {
  return encode({ message: { case: "finish", value: { sizeBytes: BigInt(sizeBytes) } } });
}

/** Throws unless the answer's last message says that this many bytes were committed. */
export function assertCommitted(lastAnswer: Buffer | undefined, sizeBytes: number): void {
  if (committedBytes(lastAnswer) !== sizeBytes) {
    throw new Error(`the last message of an upload of ${sizeBytes} bytes is not their commit`);
  }
}

/** Size of the file that an answer's last message says is committed; undefined for any other message. */
export function committedBytes(lastAnswer: Buffer | undefined): number | undefined {
  const message = lastAnswer && fromBinary(WriteUploadResponseSchema, lastAnswer).message;
  return message?.case === "committed" ? Number(message.value.receipt?.sizeBytes) : undefined;
}

function encode(message: MessageInitShape<typeof WriteUploadRequestSchema>): Buffer {
  return frameBefore(toBinary(WriteUploadRequestSchema, create(WriteUploadRequestSchema, message)), Buffer.alloc(0));
}
