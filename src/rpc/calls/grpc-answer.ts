import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { HeldBytes } from "../../domain/memory/held-bytes.ts";
import type { NodeRequest } from "../listener/node-messages.ts";
import { writePieces } from "../listener/write-pieces.ts";
import { toConnectError } from "./error-interceptor.ts";

/** gRPC's prefix: one byte of flags, and four of length, big-endian. */
const PREFIX_BYTES = 5;

/** Whether a request is a gRPC call over HTTP/2 of the method at this path, with protobuf messages that are not compressed. */
export function isPlainGrpc(request: NodeRequest, path: string): request is Http2ServerRequest {
  if (!("stream" in request) || request.httpVersionMajor !== 2) return false;
  if (request.method !== "POST" || request.url !== path) return false;
  const { "content-type": contentType = "", "grpc-encoding": encoding = "identity" } = request.headers;
  return /^application\/grpc(\+proto)?$/.test(contentType) && encoding === "identity";
}

/** The answer of a gRPC call on the bare HTTP/2 stream: frames, then trailers, for calls whose bytes must pass no iterator of Connect. */
export class GrpcAnswer {
  /** Whether the call has been ended, with its status. */
  isEnded = false;
  readonly #stream: ServerHttp2Stream;
  readonly #response: Http2ServerResponse;

  constructor(request: Http2ServerRequest, response: Http2ServerResponse) {
    this.#stream = request.stream;
    this.#response = response;
    response.setHeader("content-type", "application/grpc");
    response.setHeader("grpc-accept-encoding", "identity");
    // After an error of the stream, "close" comes. The error itself is of the network or the caller, and tells us nothing.
    this.#stream.on("error", () => {});
    // The compat layer repeats the stream's errors on both objects.
    request.on("error", () => {});
    response.on("error", () => {});
  }

  /** Sets a header. Headers go out with the first message. */
  setHeader(name: string, value: string): void {
    if (!this.#response.headersSent) this.#response.setHeader(name, value);
  }

  /**
   * Sends a message. Its last field's value may come apart from the bytes before it (`head`), so that it is sent from its own
   * buffers; these are given back once they have gone. Returns false when the caller should be given time until "drain" of the
   * response; after the end nothing is sent.
   */
  send(head: Uint8Array, value?: HeldBytes): boolean {
    if (this.isEnded || this.#stream.destroyed) return true;
    const frame = Buffer.allocUnsafe(PREFIX_BYTES + head.length);
    frame.writeUInt8(0, 0);
    frame.writeUInt32BE(head.length + (value?.lengthBytes ?? 0), 1);
    frame.set(head, PREFIX_BYTES);
    if (value === undefined) return this.#response.write(frame);
    return writePieces(this.#response, [frame, ...value.pieces], () => value.giveBack());
  }

  /** Ends the call with its status, once. Bytes that the caller still sends are thrown away until it stops. */
  end(error: unknown, trailers: Readonly<Record<string, string>> = {}): void {
    if (this.isEnded) return;
    this.isEnded = true;
    if (this.#stream.destroyed) return;
    const all = { ...toStatus(error), ...trailers };
    this.#stream.removeAllListeners("data");
    this.#stream.resume();
    // RFC 9113, 8.1: a server that answers before the request is whole then asks the caller to stop, by NO_ERROR.
    const askToStop = () =>
      setImmediate(() => {
        if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
      });
    if (this.#response.headersSent) {
      this.#response.addTrailers(all);
      this.#stream.once("wantTrailers", askToStop);
      this.#response.end();
    } else {
      // gRPC's "Trailers-Only": the status stands in headers that end the stream, which the compat layer cannot send.
      const headers = { ":status": 200, "content-type": "application/grpc", "grpc-accept-encoding": "identity" };
      this.#stream.respond({ ...headers, ...all }, { endStream: true });
      askToStop();
    }
  }
}

function toStatus(error: unknown): Record<string, string> {
  if (error === undefined) return { "grpc-status": "0" };
  const status = new Headers();
  setTrailerStatus(status, toConnectError(error));
  return Object.fromEntries(status);
}
