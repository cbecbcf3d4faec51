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
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import {
  UploadService,
  type WriteUploadRequest,
  WriteUploadResponseSchema,
  type WriteUploadStart,
} from "../../gen/sluice/v1/upload_service_pb.ts";

/** What one WriteUpload stream does instead of working; each stream takes the next script. */
export interface StreamScript {
  /** Acts once the stream has brought this many bytes; at once, before `started`, when unset. */
  afterBytes?: number;
  /** Resets the stream, ends the connection, answers an error, or never says anything again. */
  act: "reset" | "disconnect" | "silence" | ConnectError;
}

/** An upload as the scripted server keeps it: in memory, a part durable as soon as it is whole. */
export interface ScriptedUpload {
  uploadId: string;
  requestId: string;
  durable: Buffer[];
  committed: boolean;
}

/** A server that speaks UploadService's streams in memory, for the client's tests. */
export interface ScriptedServer {
  url: string;
  uploads: ScriptedUpload[];
  /** First messages of the streams so far, and the chunks' places. */
  starts: WriteUploadStart[];
  chunks: { offset: number; sizeBytes: number }[];
  scripts: StreamScript[];
  /** Durable offset as GetUpload tells it. */
  getUploadCalls: number;
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
    getUploadCalls: 0,
    close: () => Promise.resolve(),
  };

  function findUpload(start: WriteUploadStart): ScriptedUpload {
    const { target } = start;
    if (target.case === "create") {
      const { requestId } = target.value;
      const known = scripted.uploads.find((upload) => upload.requestId === requestId);
      if (known !== undefined) return known;
      const upload = { uploadId: `upload-${scripted.uploads.length + 1}`, requestId, durable: [], committed: false };
      scripted.uploads.push(upload);
      return upload;
    }
    const found = scripted.uploads.find((upload) => upload.uploadId === target.value?.uploadId);
    if (found === undefined) throw serviceError(Code.NotFound, "UPLOAD_NOT_FOUND");
    return found;
  }

  async function* writeUpload(requests: AsyncIterable<WriteUploadRequest>, context: HandlerContext) {
    if (context.requestHeader.get("authorization") !== `Bearer ${token}`) {
      throw serviceError(Code.Unauthenticated, "TOKEN_INVALID", { message: "the token is not known – résumé" });
    }
    const script = scripted.scripts.shift();
    const stream = context.values.get(streamKey);
    let upload: ScriptedUpload | undefined;
    let partial: Buffer[] = [];
    let offset = 0;
    let takenBytes = 0;
    for await (const { message } of requests) {
      if (
        script !== undefined &&
        takenBytes >= (script.afterBytes ?? 0) &&
        (script.afterBytes !== undefined || message.case === "start")
      ) {
        await act(script, stream);
      }
      if (message.case === "start") {
        scripted.starts.push(message.value);
        upload = findUpload(message.value);
        if (upload.committed) {
          yield committedAnswer(upload);
          return;
        }
        const durable = Buffer.concat(upload.durable);
        offset = durable.length;
        yield create(WriteUploadResponseSchema, {
          message: {
            case: "started",
            value: {
              uploadId: upload.uploadId,
              durableRanges: durable.length > 0 ? [{ offset: 0n, sizeBytes: BigInt(durable.length) }] : [],
              durableOffset: BigInt(durable.length),
              durableCrc32: crc32(durable),
              partSizeBytes: BigInt(partSizeBytes),
              chunkSizeMaxBytes: 2 * 2 ** 20,
              fileSizeMaxBytes: 2n ** 40n,
            },
          },
        });
      } else if (message.case === "chunk" && upload !== undefined) {
        const { data } = message.value;
        if (Number(message.value.offset) !== offset) throw serviceError(Code.InvalidArgument, "OFFSET_MISMATCH");
        if (message.value.crc32 !== crc32(data)) throw serviceError(Code.Aborted, "CHECKSUM_MISMATCH");
        if (Math.floor(offset / partSizeBytes) < Math.floor((offset + data.length - 1) / partSizeBytes)) {
          throw serviceError(Code.InvalidArgument, "ARGUMENT_INVALID", { message: "a chunk crosses a part boundary" });
        }
        scripted.chunks.push({ offset, sizeBytes: data.length });
        partial.push(Buffer.from(data));
        offset += data.length;
        takenBytes += data.length;
        if (data.length > 0 && offset % partSizeBytes === 0) {
          upload.durable.push(...partial);
          partial = [];
          yield progressAnswer(offset, offset);
        }
      } else if (message.case === "finish" && upload !== undefined) {
        upload.durable.push(...partial);
        const whole = Buffer.concat(upload.durable);
        if (message.value.crc32 !== crc32(whole)) throw serviceError(Code.Aborted, "CHECKSUM_MISMATCH");
        if (message.value.sizeBytes !== BigInt(whole.length)) throw serviceError(Code.Aborted, "SIZE_MISMATCH");
        upload.committed = true;
        yield progressAnswer(whole.length, whole.length);
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
        getUpload(request) {
          scripted.getUploadCalls++;
          const upload = scripted.uploads.find(({ uploadId }) => uploadId === request.uploadId);
          if (upload === undefined) throw serviceError(Code.NotFound, "UPLOAD_NOT_FOUND");
          const durableOffset = upload.durable.reduce((sum, bytes) => sum + bytes.length, 0);
          return { upload: { uploadId: upload.uploadId, durableOffset: BigInt(durableOffset) } };
        },
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

function progressAnswer(receivedBytes: number, durableBytes: number) {
  const value = { receivedBytes: BigInt(receivedBytes), durableBytes: BigInt(durableBytes) };
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
