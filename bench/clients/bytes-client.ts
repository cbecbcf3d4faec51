import { fromBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { UInt64ValueSchema } from "@bufbuild/protobuf/wkt";
import { putPath } from "../servers/bytes-upload-service.ts";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";
import { frameBefore } from "./grpc-frame.ts";
import { callGrpc } from "./grpc-upload.ts";
import { connectHttp2 } from "./http2-upload.ts";

// The client of the obvious service: it sends a stream of BytesValue.
const { url, ca, chunkBytes } = parseClientArguments();
const payload = createPayload();
const session = await connectHttp2(url, ca);

serveUploads(async (sizeBytes) => {
  const [answer] = await callGrpc(session, { path: putPath }, writes(sizeBytes));
  const { value } = fromBinary(UInt64ValueSchema, answer!);
  if (value !== BigInt(sizeBytes)) throw new Error(`the service counted ${value} bytes of ${sizeBytes}`);
});

function* writes(sizeBytes: number): Generator<Buffer[]> {
  for (const data of sliceContent(payload, sizeBytes, chunkBytes)) {
    const head = new BinaryWriter().tag(1, WireType.LengthDelimited).uint32(data.length).finish();
    yield [frameBefore(head, data), data];
  }
}
