import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../../gen/google/rpc/status_pb.ts";
import {
  type WriteUploadChunkSchema,
  type WriteUploadCommitted,
  type WriteUploadFinishSchema,
  WriteUploadRequestSchema,
  type WriteUploadResponse,
  WriteUploadResponseSchema,
  type WriteUploadStarted,
  type WriteUploadStartSchema,
} from "../../../../gen/sluice/v1/upload_service_pb.ts";
import { createFrameReader, encodeFrame } from "../../../client/uploads/grpc-frames.ts";
import { SERVICE_TOKEN } from "../service/running-service.ts";

/** How a call ended. */
export interface RawStatus {
  /** gRPC code; -1 when the stream ended without one. */
  code: number;
  message: string;
  reason: string;
  /** ErrorInfo.metadata. */
  metadata: Readonly<Record<string, string>>;
  /** The field that BadRequest names, where there is one. */
  field?: string | undefined;
  /** RetryInfo's delay. */
  retryAfterMs: number | undefined;
}

/** Bytes or a message of the stream. */
export type RawMessage =
  | { start: MessageInitShape<typeof WriteUploadStartSchema> }
  | { chunk: MessageInitShape<typeof WriteUploadChunkSchema> }
  | { finish: MessageInitShape<typeof WriteUploadFinishSchema> };

/** A gRPC frame of a request. */
export function encodeRequest(message: RawMessage): Buffer {
  const [[name, value] = []] = Object.entries(message);
  const request = create(WriteUploadRequestSchema, { message: { case: name, value } as never });
  return encodeFrame(toBinary(WriteUploadRequestSchema, request));
}

/** An HTTP/2 connection of its own, for calls that no client library would make. */
export class RawConnection {
  readonly session: ClientHttp2Session;

  /** `ca` is the authority of the service's certificate, where it has one. */
  constructor(url: string, ca?: string) {
    // Calls write without waiting; Node ends a session of more than 10 MB of unsent bytes.
    this.session = connect(url, { maxSessionMemory: 1000, ...(ca !== undefined && { ca }) });
    // Failures show in the status of each call.
    this.session.on("error", () => {});
  }

  /** Opens a WriteUpload call; `headers` replace the usual ones, undefined leaves one out. */
  write(headers: Readonly<Record<string, string | undefined>> = {}): RawWriteCall {
    const all: Record<string, string | undefined> = {
      ":method": "POST",
      ":path": "/sluice.v1.UploadService/WriteUpload",
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${SERVICE_TOKEN}`,
      ...headers,
    };
    const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    return new RawWriteCall(this.session.request(sent));
  }

  /** Cuts the connection without a word. */
  cut(): void {
    this.session.destroy();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.session.destroyed) resolve();
      else this.session.close(resolve);
    });
  }
}

/** One WriteUpload call, frame by frame. */
export class RawWriteCall {
  readonly stream: ClientHttp2Stream;
  /** Every answer so far. */
  readonly answers: WriteUploadResponse[] = [];
  /** Settles when the call has ended, however. */
  readonly status: Promise<RawStatus>;
  #status: RawStatus | undefined;
  #onChange: (() => void)[] = [];

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    const read = createFrameReader((message) => {
      this.answers.push(fromBinary(WriteUploadResponseSchema, message));
      this.#changed();
    });
    stream.on("response", (headers) => this.#take(headers));
    stream.on("trailers", (trailers) => this.#take(trailers));
    stream.on("data", (bytes: Buffer) => read(bytes));
    stream.on("error", () => {});
    this.status = new Promise((resolve) => {
      stream.on("close", () => {
        this.#status ??= {
          code: -1,
          message: `HTTP/2 code ${stream.rstCode}`,
          reason: "",
          metadata: {},
          retryAfterMs: undefined,
        };
        resolve(this.#status);
        this.#changed();
      });
    });
  }

  /** Sends messages, or bytes as they are. */
  send(...messages: (RawMessage | Uint8Array)[]): this {
    for (const message of messages) {
      this.stream.write(message instanceof Uint8Array ? message : encodeRequest(message));
    }
    return this;
  }

  /** Sends file bytes as chunks; `crc32` gives each one's CRC32. */
  sendBytes(
    bytes: Uint8Array,
    options: { offset?: number; chunkBytes?: number; crc32?: (bytes: Uint8Array) => number } = {},
  ): this {
    const { offset = 0, chunkBytes = 16_384, crc32 } = options;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const data = bytes.subarray(at, at + chunkBytes);
      const sum = crc32 === undefined ? {} : { crc32: crc32(data) };
      this.send({ chunk: { offset: BigInt(offset + at), data: Uint8Array.from(data), ...sum } });
    }
    return this;
  }

  /** Half-closes. */
  end(): this {
    this.stream.end();
    return this;
  }

  /** Resets the stream (RFC 9113, CANCEL): bytes that are not sent yet stay unsent. */
  reset(): void {
    this.stream.close(8);
  }

  /** The `started` answer; rejects with the status when there is none. */
  async started(): Promise<WriteUploadStarted> {
    const { message } = await this.#answer("started", (answer) => answer.message.case === "started");
    return message.value as WriteUploadStarted;
  }

  /** The `committed` answer; rejects with the status when there is none. */
  async committed(): Promise<WriteUploadCommitted> {
    const { message } = await this.#answer("committed", (answer) => answer.message.case === "committed");
    return message.value as WriteUploadCommitted;
  }

  /** Resolves when a progress answer says that at least so many bytes are durable. */
  async durable(bytes: number): Promise<void> {
    await this.#answer(`${bytes} durable bytes`, ({ message }) => {
      return message.case === "progress" && message.value.durableBytes >= bytes;
    });
  }

  async #answer(what: string, test: (answer: WriteUploadResponse) => boolean): Promise<WriteUploadResponse> {
    for (;;) {
      const found = this.answers.find(test);
      if (found !== undefined) return found;
      if (this.stream.closed && this.#status !== undefined) {
        throw new Error(`the call ended without ${what}: ${JSON.stringify(this.#status)}`);
      }
      await new Promise<void>((resolve) => this.#onChange.push(resolve));
    }
  }

  #take(headers: IncomingHttpHeaders): void {
    const code = headers["grpc-status"];
    if (code !== undefined) this.#status = toStatus(Number(code), headers);
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#onChange.splice(0)) wake();
  }
}

function toStatus(code: number, headers: IncomingHttpHeaders): RawStatus {
  const message = decodeURIComponent(String(headers["grpc-message"] ?? ""));
  const details = Buffer.from(String(headers["grpc-status-details-bin"] ?? ""), "base64");
  let [reason, metadata, retryAfterMs]: [string, Record<string, string>, number | undefined] = ["", {}, undefined];
  let field: string | undefined;
  for (const any of fromBinary(StatusSchema, details).details) {
    const info = anyUnpack(any, ErrorInfoSchema);
    if (info !== undefined) ({ reason, metadata } = info);
    field = anyUnpack(any, BadRequestSchema)?.fieldViolations[0]?.field ?? field;
    const retry = anyUnpack(any, RetryInfoSchema)?.retryDelay;
    if (retry !== undefined) retryAfterMs = Number(retry.seconds) * 1000 + retry.nanos / 1e6;
  }
  return { code, message, reason, metadata, field, retryAfterMs };
}
