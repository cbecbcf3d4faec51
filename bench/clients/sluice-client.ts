import { crc32 } from "node:zlib";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";
import { callGrpc } from "./grpc-upload.ts";
import { connectHttp2 } from "./http2-upload.ts";
import { assertCommitted, chunkFrame, finishFrame, startFrame, WRITE_UPLOAD_PATH } from "./write-upload-frames.ts";

// The client writes WriteUpload by hand, from views of one buffer: it must be able to outrun the service.
const { url, ca, chunkBytes, extra } = parseClientArguments();
const payload = createPayload();
const sendsCrc = extra?.chunkCrc === "yes";
// Chunks repeat with the payload, so each CRC32 is computed once, before anything is timed.
const crcs = new Map(
  [...(sendsCrc ? sliceContent(payload, payload.length, chunkBytes) : [])].map((chunk) => [keyOf(chunk), crc32(chunk)]),
);
const session = await connectHttp2(url, ca);

serveUploads(async (sizeBytes) => {
  const call = { path: WRITE_UPLOAD_PATH, headers: { authorization: `Bearer ${extra!.token}` } };
  const answers = await callGrpc(session, call, writes(sizeBytes));
  assertCommitted(answers.at(-1), sizeBytes);
});

function* writes(sizeBytes: number): Generator<Buffer[]> {
  yield [startFrame(sizeBytes)];
  let offset = 0;
  for (const data of sliceContent(payload, sizeBytes, chunkBytes)) {
    yield [chunkFrame({ offset, crc32: sendsCrc ? crcOf(data) : undefined }, data), data];
    offset += data.length;
  }
  yield [finishFrame(sizeBytes)];
}

function crcOf(data: Buffer): number {
  return crcs.get(keyOf(data)) ?? crc32(data);
}

function keyOf(data: Buffer): string {
  return `${data.byteOffset}+${data.length}`;
}
