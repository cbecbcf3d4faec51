import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";
import { connectHttp2, uploadOverHttp2 } from "./http2-upload.ts";

// The floor's client: it sends the bare content as HTTP/2 DATA, without gRPC.
const { url, ca, chunkBytes } = parseClientArguments();
const payload = createPayload();
const session = await connectHttp2(url, ca);

serveUploads(async (sizeBytes) => {
  const { headers, body } = await uploadOverHttp2(
    session,
    { ":path": "/", "content-length": sizeBytes },
    writes(sizeBytes),
  );
  if (Number(headers[":status"]) !== 200 || body.toString() !== String(sizeBytes)) {
    throw new Error(`the relay answered ${headers[":status"]}: ${body}; expected 200: ${sizeBytes}`);
  }
});

function* writes(sizeBytes: number): Generator<Buffer[]> {
  for (const chunk of sliceContent(payload, sizeBytes, chunkBytes)) yield [chunk];
}
