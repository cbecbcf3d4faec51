// Many uploads at once from one process: a rush, whose uploads go as fast as they can, or trickles, which stay open until
// they are ended.
import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { createPayload, sliceContent } from "../stage/payload.ts";
import { parseClientArguments } from "./client-process.ts";
import { callGrpc } from "./grpc-upload.ts";
import { connectHttp2 } from "./http2-upload.ts";
import { openTrickle, type Trickle } from "./trickle.ts";
import {
  assertCommitted,
  chunkFrame,
  committedBytes,
  finishFrame,
  type Lane,
  startFrame,
  WRITE_UPLOAD_PATH,
} from "./write-upload-frames.ts";

/** The messages that this program takes; see `crowd.ts`. */
export type CrowdRequest =
  | { readonly act: "rush"; readonly uploads: number; readonly sizeBytes: number }
  | { readonly act: "lanes"; readonly lanes: number; readonly sizeBytes: number }
  | { readonly act: "trickle"; readonly uploads: number; readonly declaredBytes: number }
  | { readonly act: "end-trickle" };

const { url, ca, chunkBytes, extra } = parseClientArguments();
const payload = createPayload();
const crcs = new Map([...sliceContent(payload, payload.length, chunkBytes)].map((data) => [keyOf(data), crc32(data)]));
const headers = { authorization: `Bearer ${extra!.token}` };
let trickles: Trickle[] = [];
const tickMs = 100;
const ticksPerSecond = 1000 / tickMs;

process.on("disconnect", () => process.exit());
process.on("message", async (request: CrowdRequest) => {
  try {
    process.send!(await act(request));
  } catch (error) {
    process.send!({ error: String((error as Error).stack ?? error) });
  }
});
process.send!({ ready: true });

async function act(request: CrowdRequest): Promise<object> {
  switch (request.act) {
    case "rush":
      return await rush(request);
    case "lanes":
      return await sendLanes(request);
    case "trickle":
      return await beginTrickle(request);
    case "end-trickle":
      return await endTrickle();
  }
}

/**
 * Begins all uploads at once, each over a connection of its own. Answers the seconds of each, and the messages of those that
 * failed.
 */
async function rush({ uploads, sizeBytes }: { uploads: number; sizeBytes: number }) {
  const sessions = await Promise.all(Array.from({ length: uploads }, () => connectHttp2(url, ca)));
  const begun = performance.now();
  const seconds: number[] = [];
  const failures: string[] = [];
  await Promise.all(
    sessions.map(async (session) => {
      try {
        const answers = await callGrpc(session, { path: WRITE_UPLOAD_PATH, headers }, writes(sizeBytes));
        assertCommitted(answers.at(-1), sizeBytes);
        seconds.push((performance.now() - begun) / 1000);
      } catch (error) {
        failures.push((error as Error).message);
      } finally {
        session.destroy();
      }
    }),
  );
  return { seconds, failures };
}

/** Sends one file in equal lanes, each over a connection of its own. Answers the seconds until one lane was told "committed". */
async function sendLanes({ lanes, sizeBytes }: { lanes: number; sizeBytes: number }) {
  const sessions = await Promise.all(Array.from({ length: lanes }, () => connectHttp2(url, ca)));
  const begun = performance.now();
  const laneBytes = sizeBytes / lanes;
  const requestId = randomUUID();
  const answers = await Promise.all(
    sessions.map((session, index) => {
      const lane = { requestId, offset: index * laneBytes, sizeBytes: laneBytes };
      return callGrpc(session, { path: WRITE_UPLOAD_PATH, headers }, writes(sizeBytes, lane));
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  for (const session of sessions) session.destroy();
  if (!answers.some((messages) => committedBytes(messages.at(-1)) === sizeBytes)) throw new Error("no lane committed");
  return { seconds };
}

function* writes(sizeBytes: number, lane?: Lane): Generator<Buffer[]> {
  yield [startFrame(sizeBytes, lane)];
  let offset = lane?.offset ?? 0;
  for (const data of sliceContent(payload, lane?.sizeBytes ?? sizeBytes, chunkBytes)) {
    yield [chunkFrame({ offset, crc32: crcs.get(keyOf(data)) ?? crc32(data) }, data), data];
    offset += data.length;
  }
  yield [finishFrame(sizeBytes)];
}

/** Opens the uploads; each then sends one KiB a second. Every tenth declares its size, the others declare none. */
async function beginTrickle({ uploads, declaredBytes }: { uploads: number; declaredBytes: number }) {
  const opened = Array.from({ length: uploads }, async (_, index) =>
    openTrickle(await connectHttp2(url, ca), {
      headers,
      payload,
      sizeBytes: index % 10 === 0 ? declaredBytes : undefined,
    }),
  );
  trickles = await Promise.all(opened);
  let tick = 0;
  setInterval(() => {
    for (let index = tick++ % ticksPerSecond; index < trickles.length; index += ticksPerSecond) trickles[index]?.drip();
  }, tickMs).unref();
  return { open: trickles.length };
}

/** Finishes all uploads. An upload that declared a size sends the rest first. */
async function endTrickle() {
  const ending = trickles;
  trickles = [];
  const failures: string[] = [];
  await Promise.all(ending.map((trickle) => trickle.finish().catch((error: Error) => failures.push(error.message))));
  return { committed: ending.length - failures.length, failures };
}

function keyOf(data: Buffer): string {
  return `${data.byteOffset}+${data.length}`;
}
