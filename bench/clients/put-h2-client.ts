// One PUT over HTTP/2 with the whole content, to Sluice's REST face.
import { randomUUID } from "node:crypto";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";
import { connectHttp2, uploadOverHttp2 } from "./http2-upload.ts";

const { url, ca, chunkBytes, extra = {} } = parseClientArguments();
const { path = "/", token, status } = extra;
const payload = createPayload();
const session = await connectHttp2(url, ca);

serveUploads(async (sizeBytes) => {
  const head = {
    ":method": "PUT",
    ":path": path.replace("{id}", randomUUID()),
    "content-length": sizeBytes,
    authorization: `Bearer ${token}`,
  };
  const { headers, body } = await uploadOverHttp2(session, head, writes(sizeBytes));
  if (String(headers[":status"]) !== status) throw new Error(`the PUT was answered by ${headers[":status"]} ${body}`);
});

function* writes(sizeBytes: number): Generator<Buffer[]> {
  for (const chunk of sliceContent(payload, sizeBytes, chunkBytes)) yield [chunk];
}
