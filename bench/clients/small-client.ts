// Many files of a KiB, some at once, by one of the ways into a service: the harness says how many, and how many at a time.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import { crc32 } from "node:zlib";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createSluiceClient } from "../../src/client/client.ts";
import { createPayload } from "../stage/payload.ts";
import { sinkBucket, sinkClientOptions } from "../stage/sink-client.ts";
import { parseClientArguments } from "./client-process.ts";
import { callGrpc } from "./grpc-upload.ts";
import { connectHttp2 } from "./http2-upload.ts";
import { assertCommitted, chunkFrame, finishFrame, startFrame, WRITE_UPLOAD_PATH } from "./write-upload-frames.ts";

/** The harness asks for so many uploads, and so many at a time. */
export interface SmallRun {
  readonly uploads: number;
  readonly atOnce: number;
}

/** The time of each upload, and of all. */
export interface SmallTimes {
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
}

/** Ways into a service, and into S3 itself. */
export type SmallWay = "grpc" | "put" | "client" | "tus" | "sdk";

const SIZE_BYTES = 1024;
/** Calls that the service begins of one connection at a time; more calls take more connections. */
const CALLS_OF_CONNECTION = 16;

const { url, extra = {} } = parseClientArguments();
const { token = "", way = "" } = extra;
const content = createPayload().subarray(0, SIZE_BYTES);
const contentCrc = crc32(content);
const agent = new http.Agent({ keepAlive: true, scheduling: "fifo" });
const ways: Record<SmallWay, (atOnce: number) => Promise<(nth: number) => Promise<void>>> = {
  grpc: async (atOnce) => {
    const count = Math.ceil(atOnce / CALLS_OF_CONNECTION);
    const sessions = await Promise.all(Array.from({ length: count }, () => connectHttp2(url)));
    const call = { path: WRITE_UPLOAD_PATH, headers: { authorization: `Bearer ${token}` } };
    return async (nth) => {
      const session = sessions[nth % count] as (typeof sessions)[number];
      const chunk = chunkFrame({ offset: 0, crc32: contentCrc }, content);
      const writes = [[startFrame(SIZE_BYTES), chunk, content, finishFrame(SIZE_BYTES)]];
      assertCommitted((await callGrpc(session, call, writes)).at(-1), SIZE_BYTES);
    };
  },
  put: async () => () =>
    send("PUT", `${url}/v1/namespaces/default/files/small/${randomUUID()}`, {
      status: 201,
      headers: { authorization: `Bearer ${token}` },
    }),
  client: async () => {
    const client = createSluiceClient({ url, token });
    return async () => void (await client.upload(content, `small/${randomUUID()}`));
  },
  // One POST creates the upload and carries its content (the extension creation-with-upload).
  tus: async () => () =>
    send("POST", url, {
      status: 201,
      headers: {
        "tus-resumable": "1.0.0",
        "upload-length": String(SIZE_BYTES),
        "content-type": "application/offset+octet-stream",
      },
    }),
  sdk: async () => {
    const client = new S3Client(sinkClientOptions(url));
    return async () =>
      void (await client.send(
        new PutObjectCommand({ Bucket: sinkBucket, Key: `small/${randomUUID()}`, Body: content }),
      ));
  },
};

process.on("disconnect", () => process.exit());
process.on("message", async (run: SmallRun) => {
  try {
    process.send!(await uploadAll(run));
  } catch (error) {
    process.send!({ error: String((error as Error).stack ?? error) });
  }
});
process.send!({ ready: true });

async function uploadAll({ uploads, atOnce }: SmallRun): Promise<SmallTimes> {
  const upload = await ways[way as SmallWay](atOnce);
  const latenciesMs: number[] = [];
  let next = 0;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < uploads) {
        const started = performance.now();
        await upload(next++);
        latenciesMs.push(performance.now() - started);
      }
    }),
  );
  return { seconds: (performance.now() - begun) / 1000, latenciesMs };
}

async function send(
  method: string,
  target: string,
  { status, headers }: { status: number; headers: Record<string, string> },
): Promise<void> {
  const sent = http.request(target, { method, agent, headers: { "content-length": SIZE_BYTES, ...headers } });
  sent.end(content);
  const [response] = (await once(sent, "response")) as [http.IncomingMessage];
  const words = (await response.setEncoding("utf8").toArray()).join("");
  if (response.statusCode !== status) throw new Error(`${method} was answered by ${response.statusCode} ${words}`);
}
