import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { toBinary } from "@bufbuild/protobuf";
import {
  UploadService,
  type WriteUploadResponse,
  WriteUploadResponseSchema,
} from "../../gen/sluice/v1/upload_service_pb.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import {
  type CommitPosition,
  formatCommitPosition,
  POSITION_HEADER,
  parseCommitPosition,
} from "../domain/commit-position.ts";
import { type ErrorLog, noteFailure } from "../rpc/calls/error-interceptor.ts";
import { toGrpcStatus } from "../rpc/calls/errors.ts";
import { nameCall } from "../rpc/calls/name-call.ts";
import type { NodeRequest, NodeResponse } from "../rpc/listener/node-messages.ts";
import { currentCall } from "../telemetry/observed-call.ts";
import { parseGrpcTimeout } from "./grpc-timeout.ts";
import { ReceivedBuffers } from "./received-buffers.ts";
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
  if (!isHttp2(request) || request.method !== "POST" || request.url !== PATH) return false;
  const { "content-type": contentType = "", "grpc-encoding": encoding = "identity" } = request.headers;
  if (!/^application\/grpc(\+proto)?$/.test(contentType) || encoding !== "identity") return false;
  new GrpcWriteUpload(options, request, response as Http2ServerResponse);
  return true;
}

function isHttp2(request: NodeRequest): request is Http2ServerRequest {
  return "stream" in request && request.httpVersionMajor === 2;
}

/** One gRPC call: HTTP/2 events in, frames and trailers out. */
class GrpcWriteUpload {
  readonly #stream: ServerHttp2Stream;
  readonly #response: Http2ServerResponse;
  readonly #parser: WriteUploadParser;
  readonly #write: WriteStream;
  readonly #received = new ReceivedBuffers();
  #deadline: NodeJS.Timeout | undefined;
  #isAnswered = false;
  #isHalfClosed = false;

  constructor(options: IngestOptions, request: Http2ServerRequest, response: Http2ServerResponse) {
    this.#stream = request.stream;
    this.#response = response;
    const { remoteAddress } = request.socket;
    const call = currentCall();
    nameCall(UploadService.method.writeUpload);
    const authenticate = () => options.authenticate((name) => header(request.headers[name]), remoteAddress);
    this.#write = new WriteStream(
      { ...options, authenticate },
      {
        onReady: () => this.#read(undefined),
        onReleased: (bytes) => this.#received.release(bytes),
        send: (message) => this.#send(message),
        end: (error, position) => {
          if (error !== undefined) noteFailure(error, { log: options.log, method: PATH.slice(1), call });
          this.#answer(error, position);
        },
      },
    );
    this.#parser = new WriteUploadParser(this.#write, {
      messageMaxBytes: options.limits.chunkSizeMaxBytes + MESSAGE_OVERHEAD_MAX_BYTES,
      onHeader: (header) => this.#received.noteHeader(header),
    });
    response.setHeader("content-type", "application/grpc");
    response.setHeader("grpc-accept-encoding", "identity");
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
    // After an error of the stream, "close" comes. The error itself is of the network or the caller, and tells us nothing.
    this.#stream.on("error", () => {});
    // The compat layer repeats the stream's errors on both objects.
    request.on("error", () => {});
    response.on("error", () => {});
    this.#obeyHeaders(request);
  }

  /**
   * Ends the call at its deadline, as connect-node does with the other forms of it. A commit position that the caller has seen
   * is only checked for its form: the call reads the primary, which has seen it.
   */
  #obeyHeaders({ headers }: Http2ServerRequest): void {
    try {
      const position = header(headers[POSITION_HEADER]);
      if (position !== undefined) parseCommitPosition(position);
      const timeoutMs = parseGrpcTimeout(header(headers["grpc-timeout"]));
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
    if (this.#isAnswered) return;
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
    if (this.#isAnswered || this.#stream.destroyed) return;
    // To a caller that does not read its answers no progress is sent: it would pile up here.
    if (message.message.case === "progress" && this.#stream.writableLength > UNREAD_MAX_BYTES) return;
    const bytes = toBinary(WriteUploadResponseSchema, message);
    const frame = Buffer.allocUnsafe(5 + bytes.length);
    frame.writeUInt8(0, 0);
    frame.writeUInt32BE(bytes.length, 1);
    frame.set(bytes, 5);
    this.#response.write(frame);
  }

  /** Ends the call with its status. Bytes that the caller still sends are thrown away until it stops. */
  #answer(error: unknown, position: CommitPosition | undefined): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    clearTimeout(this.#deadline);
    if (this.#stream.destroyed) return;
    const status = error === undefined ? { code: 0, message: "", detailsBin: undefined } : toGrpcStatus(error);
    const trailers = {
      "grpc-status": String(status.code),
      ...(status.message !== "" && { "grpc-message": encodeGrpcMessage(status.message) }),
      ...(status.detailsBin !== undefined && {
        "grpc-status-details-bin": Buffer.from(status.detailsBin).toString("base64"),
      }),
      ...(position !== undefined && { [POSITION_HEADER]: formatCommitPosition(position) }),
    };
    this.#stream.removeAllListeners("data");
    this.#stream.resume();
    // RFC 9113, 8.1: a server that answers before the request is whole then asks the caller to stop, by NO_ERROR.
    const askToStop = () => setImmediate(() => this.#stream.close(constants.NGHTTP2_NO_ERROR));
    if (this.#response.headersSent) {
      this.#response.addTrailers(trailers);
      this.#stream.once("wantTrailers", askToStop);
      this.#response.end();
    } else {
      // gRPC's "Trailers-Only": the status stands in headers that end the stream, which the compat layer cannot send.
      const headers = { ":status": 200, "content-type": "application/grpc", "grpc-accept-encoding": "identity" };
      this.#stream.respond({ ...headers, ...trailers }, { endStream: true });
      askToStop();
    }
  }
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** Percent-encodes the characters that HTTP trailers cannot carry, as gRPC wants it. */
function encodeGrpcMessage(message: string): string {
  return Array.from(Buffer.from(message), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
}
