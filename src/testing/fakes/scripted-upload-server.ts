import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import {
  type CreateUploadRequest,
  UploadService,
  type WriteUploadChunk,
  type WriteUploadRequest,
  WriteUploadResponseSchema,
  type WriteUploadStart,
} from "../../../gen/sluice/v1/upload_service_pb.ts";

import { durableFrom, keepPart, type ScriptedUpload, sum, toRanges, toUpload } from "./scripted-upload.ts";

/** The faulty behaviour of one WriteUpload stream; each stream takes the next script that is for it. */
export interface StreamScript {
  /** Only for a stream whose lane begins here. */
  lane?: number;
  /** Acts once the stream has brought this many bytes; at once, before `started`, when unset. */
  afterBytes?: number;
  /** Resets the stream, ends the connection, answers an error, or never says anything again. */
  act: "reset" | "disconnect" | "silence" | ConnectError;
}

/** A server that speaks UploadService's streams in memory, for the client's tests. */
export interface ScriptedServer {
  url: string;
  uploads: ScriptedUpload[];
  /** First messages of the streams so far, and the offsets of the chunks. */
  starts: WriteUploadStart[];
  chunks: { offset: number; sizeBytes: number }[];
  scripts: StreamScript[];
  /** How many connections were made. */
  connections: number;
  close(): Promise<void>;
}

const streamKey = createContextKey<ServerHttp2Stream | undefined>(undefined);

/** An error as the service sends it. */
export function serviceError(
  code: Code,
  reason: string,
  options: { message?: string; metadata?: Record<string, string>; retryAfterMs?: number } = {},
): ConnectError {
  const { message = `scripted ${reason}`, metadata = {}, retryAfterMs } = options;
  const error = new ConnectError(message, code);
  error.details.push({ desc: ErrorInfoSchema, value: { reason, domain: "sluice", metadata } });
  if (retryAfterMs !== undefined) {
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay: { seconds: 0n, nanos: retryAfterMs * 1e6 } } });
  }
  return error;
}

/** Starts it on a free port. Calls need `token`. Chunks are checked as the real service would: CRC32, order, part boundaries. */
export async function startScriptedServer(
  options: {
    partSizeBytes?: number;
    token?: string;
    /** More services, for instance those of files. */
    routes?: (router: ConnectRouter) => void;
  } = {},
): Promise<ScriptedServer> {
  const { partSizeBytes = 64 * 1024, token = "secret" } = options;
  const scripted: ScriptedServer = {
    url: "",
    uploads: [],
    starts: [],
    chunks: [],
    scripts: [],
    connections: 0,
    close: () => Promise.resolve(),
  };

  function createUpload({ requestId, sizeBytes }: CreateUploadRequest): ScriptedUpload {
    const known = scripted.uploads.find((upload) => upload.requestId === requestId);
    if (known !== undefined) return known;
    const uploadId = `upload-${scripted.uploads.length + 1}`;
    const upload = { uploadId, requestId, durable: [], beyond: new Map(), sizeBytes, committed: false };
    scripted.uploads.push(upload);
    return upload;
  }

  function findUpload(uploadId: string | undefined): ScriptedUpload {
    const found = scripted.uploads.find((upload) => upload.uploadId === uploadId);
    if (found === undefined) throw serviceError(Code.NotFound, "UPLOAD_NOT_FOUND");
    return found;
  }

  function takeScript({ lane }: WriteUploadStart): StreamScript | undefined {
    const at = scripted.scripts.findIndex(
      (script) => script.lane === undefined || script.lane === Number(lane?.offset),
    );
    return at < 0 ? undefined : scripted.scripts.splice(at, 1)[0];
  }

  function assertChunk({ offset, data, crc32: declared }: WriteUploadChunk, expectedOffset: number): void {
    if (Number(offset) !== expectedOffset) throw serviceError(Code.InvalidArgument, "OFFSET_MISMATCH");
    if (declared !== crc32(data)) throw serviceError(Code.Aborted, "CHECKSUM_MISMATCH");
    const last = expectedOffset + data.length - 1;
    if (Math.floor(expectedOffset / partSizeBytes) < Math.floor(last / partSizeBytes)) {
      throw serviceError(Code.InvalidArgument, "ARGUMENT_INVALID", { message: "a chunk crosses a part boundary" });
    }
  }

  async function* writeUpload(requests: AsyncIterable<WriteUploadRequest>, context: HandlerContext) {
    if (context.requestHeader.get("authorization") !== `Bearer ${token}`) {
      throw serviceError(Code.Unauthenticated, "TOKEN_INVALID", { message: "the token is not known – résumé" });
    }
    const stream = context.values.get(streamKey);
    let script: StreamScript | undefined;
    let upload: ScriptedUpload | undefined;
    let lane: WriteUploadStart["lane"];
    let partial: Buffer[] = [];
    let [begin, offset, takenBytes] = [0, 0, 0];
    const keepPartial = (kept: ScriptedUpload) => {
      if (partial.length > 0) keepPart(kept, offset - sum(partial), Buffer.concat(partial));
      partial = [];
    };
    for await (const { message } of requests) {
      if (message.case === "start") script = takeScript(message.value);
      if (
        script !== undefined &&
        takenBytes >= (script.afterBytes ?? 0) &&
        (script.afterBytes !== undefined || message.case === "start")
      ) {
        await act(script, stream);
      }
      if (message.case === "start") {
        scripted.starts.push(message.value);
        const { target } = message.value;
        upload = target.case === "create" ? createUpload(target.value) : findUpload(target.value?.uploadId);
        if (upload.committed) {
          yield committedAnswer(upload);
          return;
        }
        lane = message.value.lane;
        begin = Number(lane?.offset ?? 0n);
        const durable = durableFrom(upload, begin, lane === undefined ? undefined : begin + Number(lane.sizeBytes));
        offset = begin + durable.length;
        yield startedAnswer(upload, { lane, durable, offset, partSizeBytes });
      } else if (message.case === "chunk" && upload !== undefined) {
        const { data } = message.value;
        assertChunk(message.value, offset);
        scripted.chunks.push({ offset, sizeBytes: data.length });
        partial.push(Buffer.from(data));
        offset += data.length;
        takenBytes += data.length;
        if (data.length > 0 && offset % partSizeBytes === 0) {
          keepPartial(upload);
          yield progressAnswer(offset - begin, offset);
        }
      } else if (message.case === "finish" && upload !== undefined) {
        keepPartial(upload);
        const { laneCrc32, crc32: wholeCrc32, sizeBytes } = message.value;
        const written = durableFrom(upload, begin, offset);
        if (laneCrc32 !== undefined && laneCrc32 !== crc32(written))
          throw serviceError(Code.Aborted, "CHECKSUM_MISMATCH");
        yield progressAnswer(written.length, begin + written.length);
        if (lane !== undefined) {
          yield laneDoneAnswer(lane, crc32(written));
          return;
        }
        if (wholeCrc32 !== crc32(written)) throw serviceError(Code.Aborted, "CHECKSUM_MISMATCH");
        if (sizeBytes !== BigInt(written.length)) throw serviceError(Code.Aborted, "SIZE_MISMATCH");
        upload.committed = true;
        yield committedAnswer(upload);
      }
    }
  }

  const adapter = connectNodeAdapter({
    acceptCompression: [],
    contextValues: (request) =>
      createContextValues().set(streamKey, (request as unknown as { stream?: ServerHttp2Stream }).stream),
    routes: (router) => {
      options.routes?.(router);
      router.service(UploadService, {
        writeUpload,
        createUpload: (request) => ({ upload: toUpload(createUpload(request), partSizeBytes) }),
        getUpload: ({ uploadId }) => ({ upload: toUpload(findUpload(uploadId), partSizeBytes) }),
      });
    },
  });
  return await listen(createServer(adapter), scripted);
}

/** Carries out a script; returns never when the stream is to be silent. */
async function act(script: StreamScript, stream: ServerHttp2Stream | undefined): Promise<void> {
  if (script.act instanceof ConnectError) throw script.act;
  if (script.act === "reset") stream?.close(0x2); // INTERNAL_ERROR
  if (script.act === "disconnect") stream?.session?.destroy();
  await new Promise<void>((resolve) => stream?.once("close", resolve));
  throw new ConnectError("the stream is gone", Code.Canceled);
}

async function listen(server: Http2Server, scripted: ScriptedServer): Promise<ScriptedServer> {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    scripted.connections++;
    session.on("error", () => {});
    session.once("close", () => sessions.delete(session));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  scripted.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  scripted.close = async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return scripted;
}

function startedAnswer(
  upload: ScriptedUpload,
  {
    lane,
    durable,
    offset,
    partSizeBytes,
  }: { lane: WriteUploadStart["lane"]; durable: Buffer; offset: number; partSizeBytes: number },
) {
  const value = {
    uploadId: upload.uploadId,
    durableRanges: toRanges(upload),
    durableOffset: BigInt(offset),
    durableCrc32: crc32(durable),
    partSizeBytes: BigInt(partSizeBytes),
    chunkSizeMaxBytes: 2 * 2 ** 20,
    fileSizeMaxBytes: 2n ** 40n,
    ...(lane !== undefined && { lane }),
  };
  return create(WriteUploadResponseSchema, { message: { case: "started", value } });
}

function laneDoneAnswer(lane: NonNullable<WriteUploadStart["lane"]>, laneCrc32: number) {
  return create(WriteUploadResponseSchema, { message: { case: "laneDone", value: { lane, crc32: laneCrc32 } } });
}

/** Parts are durable as soon as they are received. */
function progressAnswer(bytes: number, durableOffset: number) {
  const value = { receivedBytes: BigInt(bytes), durableBytes: BigInt(bytes), durableOffset: BigInt(durableOffset) };
  return create(WriteUploadResponseSchema, { message: { case: "progress", value } });
}

function committedAnswer(upload: ScriptedUpload) {
  const whole = Buffer.concat(upload.durable);
  const facts = { fileId: upload.uploadId, generation: 1n, sizeBytes: BigInt(whole.length), crc32: crc32(whole) };
  const answer: MessageInitShape<typeof WriteUploadResponseSchema> = {
    message: { case: "committed", value: { file: { ...facts, path: "a/b" }, receipt: facts } },
  };
  return create(WriteUploadResponseSchema, answer);
}
