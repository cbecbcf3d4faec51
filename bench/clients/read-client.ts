// Reads a file of zeros and throws its bytes away: over HTTP/1.1, over HTTP/2, by ReadFile, or by the TypeScript client, which fetches it from
// storage by a presigned URL.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { ClientHttp2Session } from "node:http2";
import { Writable } from "node:stream";
import { create, toBinary } from "@bufbuild/protobuf";
import { ReadFileRequestSchema } from "../../gen/sluice/v1/file_query_service_pb.ts";
import { createSluiceClient } from "../../src/client/client.ts";
import { createHttpTransport } from "../stage/http-transport.ts";
import { parseClientArguments, serveUploads } from "./client-process.ts";
import { frameBefore } from "./grpc-frame.ts";
import { connectHttp2 } from "./http2-upload.ts";

/** Ways of reading. */
export type ReadWay = "http1" | "http2" | "grpc" | "client";

const { url, ca, extra = {} } = parseClientArguments();
const { way = "", token = "", path = "" } = extra;
const { agent, request: send } = createHttpTransport(url, ca);
const headers = { authorization: `Bearer ${token}` };
const ways: Record<ReadWay, () => Promise<(target: string, sizeBytes: number) => Promise<number>>> = {
  http1: async () => async (target) => {
    const sent = send(`${url}${target}`, { agent, headers }).end();
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`the GET was answered by ${response.statusCode}`);
    return await count(response);
  },
  http2: async () => {
    const session = await openSession();
    return async (target) => await count(session.request({ ":path": target, ...headers }));
  },
  grpc: async () => {
    const session = await openSession();
    return async (target) => {
      const request = toBinary(
        ReadFileRequestSchema,
        create(ReadFileRequestSchema, { namespace: "default", path: target }),
      );
      const stream = session.request({
        ":method": "POST",
        ":path": "/sluice.v1.FileQueryService/ReadFile",
        te: "trailers",
        "content-type": "application/grpc+proto",
        ...headers,
      });
      stream.end(Buffer.concat([frameBefore(request, Buffer.alloc(0))]));
      const ended = once(stream, "trailers");
      const bytes = await count(stream);
      const [trailers] = await ended;
      if (trailers["grpc-status"] !== "0") throw new Error(`gRPC status ${trailers["grpc-status"]}`);
      return bytes;
    };
  },
  client: async () => {
    const client = createSluiceClient({
      url,
      token,
      ...(url.startsWith("https:") && ca !== undefined && { tls: { ca } }),
    });
    return async (target, sizeBytes) => {
      await client.download(target, new Writable({ write: (_bytes, _encoding, done) => done() }));
      return sizeBytes;
    };
  },
};

const read = await ways[way as ReadWay]();
serveUploads(async (sizeBytes) => {
  const bytes = await read(path.replace("{size}", String(sizeBytes)), sizeBytes);
  if (bytes < sizeBytes) throw new Error(`${bytes} bytes of ${sizeBytes} came`);
});

/** Windows as large as a download over a distance needs: Node's 64 KiB would set the pace. */
async function openSession(): Promise<ClientHttp2Session> {
  const session = await connectHttp2(url, ca, { settings: { initialWindowSize: 8 * 2 ** 20 } });
  session.setLocalWindowSize(16 * 2 ** 20);
  return session;
}

async function count(stream: NodeJS.ReadableStream): Promise<number> {
  let bytes = 0;
  stream.on("data", (piece: Buffer) => {
    bytes += piece.length;
  });
  await once(stream, "end");
  return bytes;
}
