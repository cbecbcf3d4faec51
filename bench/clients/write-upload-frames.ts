import { randomUUID } from "node:crypto";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  WriteUploadChunkSchema,
  WriteUploadRequestSchema,
  WriteUploadResponseSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import { frameBefore } from "./grpc-frame.ts";

/** Path of the method. */
export const WRITE_UPLOAD_PATH = "/sluice.v1.UploadService/WriteUpload";

const requestField = WriteUploadRequestSchema.field;
const chunkField = WriteUploadChunkSchema.field;

/** The frame that begins an upload to a path of its own; without a size, the service is not told it. */
export function startFrame(sizeBytes?: number): Buffer {
  const create = {
    requestId: randomUUID(),
    namespace: "default",
    path: `bench/${randomUUID()}`,
    ...(sizeBytes !== undefined && { sizeBytes: BigInt(sizeBytes) }),
  };
  return encode({ message: { case: "start", value: { target: { case: "create", value: create } } } });
}

/** Everything of a chunk's frame that precedes the bytes of `data`, which are to follow as they are. */
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

/** Throws unless the answer's last message is the commit of so many bytes. */
export function assertCommitted(lastAnswer: Buffer | undefined, sizeBytes: number): void {
  const message = lastAnswer && fromBinary(WriteUploadResponseSchema, lastAnswer).message;
  if (message?.case !== "committed" || message.value.receipt?.sizeBytes !== BigInt(sizeBytes)) {
    throw new Error(`the last message of an upload of ${sizeBytes} bytes is not their commit but "${message?.case}"`);
  }
}

function encode(message: MessageInitShape<typeof WriteUploadRequestSchema>): Buffer {
  return frameBefore(toBinary(WriteUploadRequestSchema, create(WriteUploadRequestSchema, message)), Buffer.alloc(0));
}
