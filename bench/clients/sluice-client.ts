import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  WriteUploadChunkSchema,
  WriteUploadRequestSchema,
  WriteUploadResponseSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import { createPayload, sliceContent } from "../payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";
import { frameBefore } from "./grpc-frame.ts";
import { callGrpc } from "./grpc-upload.ts";
import { connectHttp2 } from "./http2-upload.ts";

// WriteUpload, written out by hand and from views of one buffer: it must be able to outrun the service.
const { url, ca, chunkBytes, extra } = parseClientArguments();
const payload = createPayload();
const sendsCrc = extra?.chunkCrc === "yes";
// Chunks repeat with the payload, so each CRC32 is computed once, before anything is timed.
const crcs = new Map(
  [...(sendsCrc ? sliceContent(payload, payload.length, chunkBytes) : [])].map((chunk) => [keyOf(chunk), crc32(chunk)]),
);
const session = await connectHttp2(url, ca);

const requestField = WriteUploadRequestSchema.field;
const chunkField = WriteUploadChunkSchema.field;

serveUploads(async (sizeBytes) => {
  const call = { path: "/sluice.v1.UploadService/WriteUpload", headers: { authorization: `Bearer ${extra!.token}` } };
  const answers = await callGrpc(session, call, writes(sizeBytes));
  const { message } = fromBinary(WriteUploadResponseSchema, answers.at(-1)!);
  if (message.case !== "committed" || message.value.receipt?.sizeBytes !== BigInt(sizeBytes)) {
    throw new Error(`the last message of an upload of ${sizeBytes} bytes is not their commit but "${message.case}"`);
  }
});

function* writes(sizeBytes: number): Generator<Buffer[]> {
  const target = {
    case: "create" as const,
    value: {
      requestId: randomUUID(),
      namespace: "default",
      path: `bench/${randomUUID()}`,
      sizeBytes: BigInt(sizeBytes),
    },
  };
  yield [encode({ message: { case: "start", value: { target } } })];
  let offset = 0;
  for (const data of sliceContent(payload, sizeBytes, chunkBytes)) {
    yield [frameBefore(chunkHead(offset, data), data), data];
    offset += data.length;
  }
  yield [encode({ message: { case: "finish", value: { sizeBytes: BigInt(sizeBytes) } } })];
}

function encode(message: MessageInitShape<typeof WriteUploadRequestSchema>): Buffer {
  return frameBefore(toBinary(WriteUploadRequestSchema, create(WriteUploadRequestSchema, message)), Buffer.alloc(0));
}

/** Everything of a chunk message that precedes the bytes of `data`. */
function chunkHead(offset: number, data: Buffer): Uint8Array {
  const inner = new BinaryWriter().tag(chunkField.offset.number, WireType.Varint).int64(offset);
  if (sendsCrc) inner.tag(chunkField.crc32.number, WireType.Bit32).fixed32(crcOf(data));
  inner.tag(chunkField.data.number, WireType.LengthDelimited).uint32(data.length);
  const head = inner.finish();
  const outer = new BinaryWriter().tag(requestField.chunk.number, WireType.LengthDelimited);
  return Buffer.concat([outer.uint32(head.length + data.length).finish(), head]);
}

function crcOf(data: Buffer): number {
  return crcs.get(keyOf(data)) ?? crc32(data);
}

function keyOf(data: Buffer): string {
  return `${data.byteOffset}+${data.length}`;
}
