// One PUT over HTTP/1.1 with the whole content: to Sluice's REST face, or through the raw relay to the sink.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createHttpTransport } from "../stage/http-transport.ts";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";

const { url, ca, chunkBytes, extra = {} } = parseClientArguments();
const { path = "/", token, status = "", content } = extra;
const payload = content === "zeros" ? Buffer.alloc(2 ** 20) : createPayload();
const { agent, request } = createHttpTransport(url, ca);

serveUploads(async (sizeBytes) => {
  const sent = request(`${url}${path.replace("{id}", randomUUID()).replace("{size}", String(sizeBytes))}`, {
    method: "PUT",
    agent,
    headers: { "content-length": sizeBytes, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  for (const chunk of sliceContent(payload, sizeBytes, chunkBytes)) {
    if (!sent.write(chunk)) await Promise.race([once(sent, "drain"), answered]);
  }
  sent.end();
  const [response] = await answered;
  const words = (await response.setEncoding("utf8").toArray()).join("");
  if (!status.split(",").includes(String(response.statusCode)))
    throw new Error(`the PUT was answered by ${response.statusCode} ${words}`);
});
