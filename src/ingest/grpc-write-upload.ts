import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import { toBinary } from "@bufbuild/protobuf";
import {
  UploadService,
  type WriteUploadResponse,
  WriteUploadResponseSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { formatCommitPosition, POSITION_HEADER, parseCommitPosition } from "../domain/commit-position.ts";
import { FrameBytes, giveBack } from "../domain/memory/buffer-accounts.ts";
import { type ErrorLog, noteFailure } from "../rpc/calls/error-interceptor.ts";
import { GrpcAnswer, isPlainGrpc } from "../rpc/calls/grpc-answer.ts";
import { parseGrpcTimeout } from "../rpc/calls/grpc-timeout.ts";
import { nameCall } from "../rpc/calls/name-call.ts";
import { headerOf, type NodeRequest, type NodeResponse } from "../rpc/listener/node-messages.ts";
import { currentCall } from "../telemetry/observed-call.ts";
import { WriteStream, type WriteStreamOptions } from "./write-stream.ts";
import { WriteUploadParser } from "./write-upload-parser.ts";

/** What the data plane works with. */
export interface IngestOptions extends Omit<WriteStreamOptions, "authenticate"> {
  authenticate: Authenticator;
  log: ErrorLog;
}

const PATH = "/sluice.v1.UploadService/WriteUpload";
/** Room for everything of a message that is not a chunk's data, in bytes: a start with its metadata is the largest. */
const MESSAGE_OVERHEAD_MAX_BYTES = 65_536;

/** Bytes of answers that a caller has not read; beyond them no progress is sent. */
const UNREAD_MAX_BYTES = 16_384;

/**
 * Serves the gRPC form of WriteUpload on the bare HTTP/2 stream: its buffers go from the socket to S3 without passing through an
 * iterator. Returns false for every other request, which connect-node then serves: for compressed streams, too, which would
 * gain nothing here.
 */
export function serveGrpcWriteUpload(options: IngestOptions, request: NodeRequest, response: NodeResponse): boolean {
  if (!isPlainGrpc(request, PATH)) return false;
  new GrpcWriteUpload(options, request, response as Http2ServerResponse);
  return true;
}

/** One gRPC call: HTTP/2 events in, frames and trailers out. */
class GrpcWriteUpload {
  readonly #stream: ServerHttp2Stream;
  readonly #answer: GrpcAnswer;
  readonly #parser: WriteUploadParser;
  readonly #write: WriteStream;
  readonly #received = new FrameBytes();
  #deadline: NodeJS.Timeout | undefined;
  #isHalfClosed = false;

  constructor(options: IngestOptions, request: Http2ServerRequest, response: Http2ServerResponse) {
    this.#stream = request.stream;
    this.#answer = new GrpcAnswer(request, response);
    const { remoteAddress } = request.socket;
    const call = currentCall();
    nameCall(UploadService.method.writeUpload);
    const authenticate = () => options.authenticate((name) => headerOf(request, name), remoteAddress);
    this.#write = new WriteStream(
      { ...options, authenticate },
      {
        onReady: () => this.#read(undefined),
        send: (message) => this.#send(message),
        end: (error, position) => {
          if (error !== undefined) noteFailure(error, { log: options.log, method: PATH.slice(1), call });
          clearTimeout(this.#deadline);
          this.#answer.end(error, position === undefined ? {} : { [POSITION_HEADER]: formatCommitPosition(position) });
        },
      },
    );
    this.#parser = new WriteUploadParser(this.#write, {
      messageMaxBytes: options.limits.chunkSizeMaxBytes + MESSAGE_OVERHEAD_MAX_BYTES,
      onHeader: giveBack,
    });
    this.#stream.on("data", (bytes: Buffer) => {
      this.#received.note(bytes);
      this.#read(bytes);
    });
    // This event comes though the stream is paused, while received bytes may still wait in the parser.
    this.#stream.on("end", () => {
      this.#isHalfClosed = true;
      if (!this.#parser.isBlocked) this.#halfClose();
    });
    this.#stream.on("close", () => {
      clearTimeout(this.#deadline);
      this.#write.disconnect();
    });
    this.#obeyHeaders(request);
  }

  /**
   * Ends the call at its deadline, as connect-node does with the other forms of it. A commit position that the caller has seen
   * is only checked for its form: the call reads the primary, which has seen it.
   */
  #obeyHeaders(request: Http2ServerRequest): void {
    try {
      const position = headerOf(request, POSITION_HEADER);
      if (position !== undefined) parseCommitPosition(position);
      const timeoutMs = parseGrpcTimeout(headerOf(request, "grpc-timeout"));
      if (timeoutMs !== undefined) this.#deadline = setTimeout(() => this.#write.expire(), timeoutMs);
    } catch (error) {
      this.#write.fail(error);
    }
  }

  /**
   * Lets the parser read these bytes, or go on with those that it has; pauses the stream while they are not taken. An error
   * that the parser throws is a mistake of the caller.
   */
  #read(bytes: Buffer | undefined): void {
    if (this.#answer.isEnded) return;
    try {
      const isAllRead = bytes === undefined ? this.#parser.resume() : this.#parser.feed(bytes);
      if (!isAllRead) this.#stream.pause();
      else if (this.#isHalfClosed) this.#halfClose();
      else if (bytes === undefined) this.#stream.resume();
    } catch (error) {
      this.#write.fail(error);
    }
  }

  #halfClose(): void {
    this.#write.halfClose({ isMidMessage: this.#parser.isMidMessage });
  }

  #send(message: WriteUploadResponse): void {
    // To a caller that does not read its answers no progress is sent: it would pile up here.
    if (message.message.case === "progress" && this.#stream.writableLength > UNREAD_MAX_BYTES) return;
    this.#answer.send(toBinary(WriteUploadResponseSchema, message));
  }
}
