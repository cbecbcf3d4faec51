import { once } from "node:events";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import {
  createMethodSerializationLookup,
  transformDecompressEnvelope,
  transformParseEnvelope,
  transformSplitEnvelope,
} from "@connectrpc/connect/protocol";
import { parseTimeout } from "@connectrpc/connect/protocol-grpc";
import { universalRequestFromNodeRequest } from "@connectrpc/connect-node";
import {
  FileQueryService,
  type ReadFileRequestSchema,
  ReadFileResponseSchema,
} from "../../../gen/sluice/v1/file_query_service_pb.ts";
import type { ReadFileEvent } from "../../queries/read-file.ts";
import { toCallOptions } from "../calls/caller-context.ts";
import { type ErrorLog, translateError } from "../calls/error-interceptor.ts";
import { GrpcAnswer, isPlainGrpc } from "../calls/grpc-answer.ts";
import { MessageArrival } from "../calls/message-arrival.ts";
import type { MessageLimits } from "../calls/message-limits.ts";
import type { NodeRequest, NodeResponse } from "../listener/node-messages.ts";
import { cutAnswer, whileTaken } from "../listener/taken-answer.ts";
import { type FileQueryFunctions, toReadFileResponse, toReadRequest } from "./file-query-service.ts";

const METHOD = FileQueryService.method.readFile;
const NAME = `${FileQueryService.typeName}/${METHOD.name}`;

interface ReadFileOptions {
  fileQueries: Pick<FileQueryFunctions, "readFile">;
  /** The gate that each call passes before its message is read; it rejects calls that are refused. */
  requestGate: (context: HandlerContext) => Promise<void>;
  messageLimits: MessageLimits;
  /** Longest deadline that a caller may set, in milliseconds. */
  deadlineMaxMs: number;
  /** The answer ends when its caller takes nothing of it for this long, in milliseconds. */
  answerStallMs: number;
  /** Aborted when open calls must end now. */
  shutdownSignal?: AbortSignal;
  log: ErrorLog;
}

/**
 * Serves the gRPC form of ReadFile on the bare HTTP/2 stream: bytes go out in the buffers that storage sent them in. Connect would
 * copy them five times, into one message and its envelope. The function returns false for every other request.
 */
export function createGrpcReadFile(
  options: ReadFileOptions,
): (request: NodeRequest, response: NodeResponse) => boolean {
  return (request, response) => {
    if (!isPlainGrpc(request, `/${NAME}`)) return false;
    const arrival = new MessageArrival(request);
    void arrival.run(() => serve(options, { request, response: response as Http2ServerResponse, arrival }));
    return true;
  };
}

interface Exchange {
  request: Http2ServerRequest;
  response: Http2ServerResponse;
  arrival: MessageArrival;
}

/** Never rejects: all errors go to the caller. */
async function serve(options: ReadFileOptions, { request, response, arrival }: Exchange): Promise<void> {
  const answer = new GrpcAnswer(request, response);
  const body = arrival.read(options.messageLimits);
  const { signal, header } = universalRequestFromNodeRequest(request, response, body as never, undefined);
  const timeout = parseTimeout(header.get("grpc-timeout"), options.deadlineMaxMs);
  const context = createHandlerContext({
    service: FileQueryService,
    method: METHOD,
    protocolName: "grpc",
    requestMethod: request.method,
    url: request.url,
    requestSignal: signal,
    requestHeader: header,
    ...(timeout.timeoutMs !== undefined && { timeoutMs: timeout.timeoutMs }),
    ...(options.shutdownSignal !== undefined && { shutdownSignal: options.shutdownSignal }),
  });
  try {
    if (timeout.error !== undefined) throw timeout.error;
    await options.requestGate(context);
    const asked = toReadRequest(await readMessage(body, options.messageLimits.maxBytes));
    const events = options.fileQueries.readFile(asked, toCallOptions(context));
    const taken = whileTaken(events, {
      stallTimeoutMs: options.answerStallMs,
      onStall: () => cutAnswer(response),
    });
    for await (const event of taken) {
      // Headers go out with the first message.
      if (event.kind === "header") for (const [name, value] of context.responseHeader) answer.setHeader(name, value);
      if (!send(answer, event)) await once(response, "drain", { signal: context.signal });
    }
    answer.end(undefined);
  } catch (error) {
    answer.end(translateError(error, { log: options.log, signal: context.signal, method: NAME }));
  } finally {
    context.abort();
    arrival.release();
  }
}

/** The one message of the call. Rejects with Connect's errors of a body that is anything else. */
async function readMessage(body: AsyncIterable<Uint8Array>, maxBytes: number) {
  const limits = { readMaxBytes: maxBytes, writeMaxBytes: maxBytes };
  const serialization = createMethodSerializationLookup(METHOD, { readUnknownFields: false }, undefined, limits);
  const envelopes = transformDecompressEnvelope(null, maxBytes)(transformSplitEnvelope(maxBytes)(body));
  let message: ReturnType<typeof create<typeof ReadFileRequestSchema>> | undefined;
  for await (const next of transformParseEnvelope(serialization.getI(true))(envelopes)) {
    if (message !== undefined) throw new ConnectError("a second message came; ReadFile takes one", Code.Unimplemented);
    message = next;
  }
  if (message === undefined) throw new ConnectError("no message came; ReadFile takes one", Code.Unimplemented);
  return message;
}

function send(answer: GrpcAnswer, event: ReadFileEvent): boolean {
  if (event.kind === "chunk") return answer.send(encodeChunkHead(event), event.bytes);
  return answer.send(toBinary(ReadFileResponseSchema, create(ReadFileResponseSchema, toReadFileResponse(event))));
}

/** Everything in a message with a chunk that comes before its data: the data is the last field. */
function encodeChunkHead({ offset, crc32, sizeBytes }: Extract<ReadFileEvent, { kind: "chunk" }>): Uint8Array {
  const fields = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(offset)
    .tag(2, WireType.Bit32)
    .fixed32(crc32)
    .tag(3, WireType.LengthDelimited)
    .uint32(sizeBytes)
    .finish();
  return new BinaryWriter()
    .tag(2, WireType.LengthDelimited)
    .uint32(fields.length + sizeBytes)
    .raw(fields)
    .finish();
}
