import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { createHttpTransport } from "../stage/http-transport.ts";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";

// tus 1.0.0 over HTTP/1.1: one POST creates the upload, and one PATCH carries all of its content.
const { url, ca, chunkBytes } = parseClientArguments();
const payload = createPayload();
const { agent, request } = createHttpTransport(url, ca);

serveUploads(async (sizeBytes) => {
  const creation = open("POST", url, { "upload-length": sizeBytes, "content-length": 0 });
  creation.end();
  const { location } = (await answerOf(creation, 201)).headers;
  const patch = open("PATCH", new URL(location!, url).href, {
    "content-type": "application/offset+octet-stream",
    "upload-offset": 0,
    "content-length": sizeBytes,
  });
  const answered = answerOf(patch, 204);
  for (const chunk of sliceContent(payload, sizeBytes, chunkBytes)) {
    if (!patch.write(chunk)) await Promise.race([once(patch, "drain"), answered]);
  }
  patch.end();
  const offset = (await answered).headers["upload-offset"];
  if (offset !== String(sizeBytes)) throw new Error(`the server is at offset ${offset} of ${sizeBytes}`);
});

function open(method: string, target: string, headers: Record<string, string | number>): ClientRequest {
  return request(target, { method, agent, headers: { "tus-resumable": "1.0.0", ...headers } });
}

async function answerOf(sent: ClientRequest, expectedStatus: number): Promise<IncomingMessage> {
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const pieces = await response.setEncoding("utf8").toArray();
  if (response.statusCode !== expectedStatus) {
    throw new Error(`${sent.method} ${sent.path}: ${response.statusCode} ${pieces.join("")}`);
  }
  return response;
}
