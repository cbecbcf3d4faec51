import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent, request as requestHttp } from "node:http";
import type { ClientHttp2Session } from "node:http2";
import type { Writable } from "node:stream";
import { crc32 } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport, type Http2SessionManager } from "@connectrpc/connect-node";
import { UploadService, type WriteUploadRequestSchema } from "../../../../gen/sluice/v1/upload_service_pb.ts";
import type { DevS3Server } from "../../../devstack/s3-server/dev-s3-server.ts";
import type { Fault } from "../../../devstack/s3-server/faults.ts";
import { createSeededRandom } from "../../samples/seeded-random.ts";
import { SERVICE_TOKEN } from "../service/running-service.ts";
import { encodeRequest, type RawConnection, type RawWriteCall } from "./raw-write-call.ts";

/** A service that callers mix on. */
export interface MixedService {
  url: string;
  connect(): RawConnection;
  s3: DevS3Server;
  /** Ways of calling that it is called by. */
  ways: readonly Way[];
}

/** How a caller writes. Callers of one connection share the buffers that Node reads it into. */
export type Way = "grpc" | "put over HTTP/2" | "put over HTTP/1.1" | "Connect" | "gRPC-web";

/** What was done. */
export interface MixedCount {
  /** Buffers that callers sent, each by a write of its own. */
  buffers: number;
  files: number;
  /** Uploads and reads that their callers broke off. */
  cuts: number;
  faults: number;
}

/** Callers on one connection. */
const CALLERS_PER_CONNECTION = 5;
/** Endings of uploads that a caller answers by sending its bytes again. All others are defects. */
const PASSING = /STORAGE_UNAVAILABLE|CALLER_GONE|OVERLOADED|SLOTS|UNAVAILABLE|\bcut\b/;
const TRIES_MAX = 12;
const FAULTS: readonly Fault[] = [
  { kind: "status", status: 503, code: "SlowDown" },
  { kind: "cut-request", afterBytes: 20_000 },
  { kind: "lost-response" },
  { kind: "cut-response" },
];

/**
 * Has many callers upload files with patterns of their own, break off, pause and begin again while storage fails now and then,
 * and read the files back, whole and in part. Rejects with the first byte that is not its caller's, and with the first ending that
 * neither its caller nor a fault has caused. All is drawn from the seed, but for how the callers' turns fall.
 */
export async function runMixedCallers(
  services: readonly MixedService[],
  size: { callers: number; uploads: number; buffers: number; seed: number },
): Promise<MixedCount> {
  const count: MixedCount = { buffers: 0, files: 0, cuts: 0, faults: 0 };
  const shared: RawConnection[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  try {
    await Promise.all(
      Array.from({ length: size.callers }, async (_, id) => {
        const place = Math.floor(id / CALLERS_PER_CONNECTION);
        const service = services[place % services.length] as MixedService;
        shared[place] ??= service.connect();
        const connection = shared[place];
        // Those who share a connection call in different ways: some ways note the bytes that they receive, and others do not.
        const way = service.ways[id % service.ways.length] as Way;
        const caller = new MixedCaller(id, { service, way, connection, agent, count, seed: size.seed });
        for (let n = 0; n < size.uploads; n++) await caller.upload(n, size.buffers);
      }),
    );
    return count;
  } finally {
    agent.destroy();
    for (const connection of shared) connection?.cut();
  }
}

interface CallerOptions {
  service: MixedService;
  way: Way;
  connection: RawConnection;
  agent: Agent;
  count: MixedCount;
  seed: number;
}

class MixedCaller {
  readonly #id: number;
  readonly #with: CallerOptions;
  readonly #random: () => number;

  constructor(id: number, options: CallerOptions) {
    this.#id = id;
    this.#with = options;
    this.#random = createSeededRandom(options.seed * 10_007 + id);
  }

  /** Uploads a file, however often that has to begin, and reads it back. */
  async upload(number: number, buffers: number): Promise<void> {
    const { count, service, way } = this.#with;
    const pieces = Array.from({ length: Math.ceil(buffers * (0.5 + this.#random())) }, () => this.#below(1300) + 50);
    const bytes = patternOf(
      this.#id,
      number,
      pieces.reduce((sum, one) => sum + one, 0),
    );
    const path = `mixed/${this.#id}/${number}.bin`;
    if (this.#below(3) === 0) {
      service.s3.faults.add({ operation: "UploadPart", fault: FAULTS[this.#below(FAULTS.length)] as Fault });
      count.faults++;
    }
    for (let tries = 1; ; tries++) {
      // The last tries are not broken off, so that every upload comes to its end.
      const cutAt = tries <= 2 && this.#below(3) === 0 ? this.#below(pieces.length) : Number.POSITIVE_INFINITY;
      try {
        await this.#write(path, bytes, { pieces, cutAt });
        break;
      } catch (error) {
        const text = `${(error as Error).message} ${JSON.stringify(error)}`;
        if (cutAt < pieces.length) count.cuts++;
        else if (!PASSING.test(text) || tries === TRIES_MAX)
          throw new Error(`caller ${this.#id} by ${way}, try ${tries}: ${text}`);
      }
    }
    count.files++;
    if (this.#below(2) === 0) await this.#read(path, bytes, this.#below(bytes.length));
    await this.#read(path, bytes, bytes.length);
  }

  async #write(path: string, bytes: Buffer, plan: { pieces: readonly number[]; cutAt: number }): Promise<void> {
    switch (this.#with.way) {
      case "grpc":
        return await this.#writeByGrpc(path, bytes, plan);
      case "put over HTTP/2":
        return await this.#putByHttp2(path, bytes, plan);
      case "put over HTTP/1.1":
        return await this.#putByHttp1(path, bytes, plan);
      default:
        return await this.#writeByConnect(path, bytes, plan);
    }
  }

  async #writeByGrpc(path: string, bytes: Buffer, plan: { pieces: readonly number[]; cutAt: number }): Promise<void> {
    const call: RawWriteCall = this.#with.connection.write();
    const chunkBytes = 5000 + this.#below(60_000);
    const messages = [encodeRequest({ start: { target: { case: "create", value: toTarget(path) } } })];
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const data = bytes.subarray(at, at + chunkBytes);
      messages.push(
        encodeRequest({ chunk: { offset: BigInt(at), data, ...(this.#below(2) === 0 && { crc32: crc32(data) }) } }),
      );
    }
    messages.push(encodeRequest({ finish: {} }));
    const committed = call.committed();
    committed.catch(() => {});
    await this.#send(call.stream, Buffer.concat(messages), plan);
    await committed;
  }

  async #putByHttp2(path: string, bytes: Buffer, plan: { pieces: readonly number[]; cutAt: number }): Promise<void> {
    const { session } = this.#with.connection;
    const stream = session.request({ ":method": "PUT", ":path": toUrlPath(path), ...toHeaders(bytes.length) });
    stream.on("error", () => {});
    const answered = answerOf(stream);
    answered.catch(() => {});
    await this.#send(stream, bytes, plan);
    await answered;
  }

  async #putByHttp1(path: string, bytes: Buffer, plan: { pieces: readonly number[]; cutAt: number }): Promise<void> {
    const { service, agent } = this.#with;
    const headers = toHeaders(bytes.length);
    const sent = requestHttp(new URL(toUrlPath(path), service.url), { method: "PUT", agent, headers });
    const answered = once(sent, "response").then(async ([response]) => {
      const pieces: Buffer[] = await response.toArray();
      if (response.statusCode >= 300) throw new Error(Buffer.concat(pieces).toString());
    });
    answered.catch(() => {});
    await this.#send(sent, bytes, plan);
    await answered.catch((error) => {
      const isReset = ["ECONNRESET", "EPIPE"].includes(error.code);
      throw isReset ? new Error("the connection was cut") : error;
    });
  }

  async #writeByConnect(
    path: string,
    bytes: Buffer,
    plan: { pieces: readonly number[]; cutAt: number },
  ): Promise<void> {
    const { service, way, count, connection } = this.#with;
    const sessionManager: Pick<Http2SessionManager, "authority" | "request" | "notifyResponseByteRead"> = {
      authority: service.url,
      request: async (method, path, headers, options) =>
        connection.session.request({ ...headers, ":method": method, ":path": path }, options),
      notifyResponseByteRead: () => {},
    };
    const options = { baseUrl: service.url, httpVersion: "2", sessionManager } as const;
    const transport: Transport = way === "Connect" ? createConnectTransport(options) : createGrpcWebTransport(options);
    const cut = new AbortController();
    async function* requests(): AsyncGenerator<MessageInitShape<typeof WriteUploadRequestSchema>> {
      yield { message: { case: "start", value: { target: { case: "create", value: toTarget(path) } } } };
      let at = 0;
      for (const [index, length] of plan.pieces.entries()) {
        if (index === plan.cutAt) cut.abort();
        const data = Uint8Array.from(bytes.subarray(at, at + length));
        yield { message: { case: "chunk", value: { offset: BigInt(at), data } } };
        count.buffers++;
        at += length;
      }
      yield { message: { case: "finish", value: {} } };
    }
    const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
    try {
      const answers = createClient(UploadService, transport).writeUpload(requests(), { headers, signal: cut.signal });
      for await (const _ of answers);
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      throw new Error(code === Code.Unavailable ? `UNAVAILABLE ${rawMessage}` : `${Code[code]} ${rawMessage}`);
    }
  }

  /** Sends bytes in buffers of their own, one after the other, so that each becomes a frame; some callers pause between them. */
  async #send(out: Writable, bytes: Buffer, plan: { pieces: readonly number[]; cutAt: number }): Promise<void> {
    const { count } = this.#with;
    let at = 0;
    for (let index = 0; at < bytes.length; index++) {
      if (index === plan.cutAt) {
        out.destroy();
        throw new Error("cut by its caller");
      }
      if (out.destroyed || out.writableEnded) return;
      const length = plan.pieces[index] ?? 1000;
      const { promise, resolve } = Promise.withResolvers<unknown>();
      out.write(Buffer.from(bytes.subarray(at, at + length)), resolve);
      count.buffers++;
      at += length;
      await promise;
      if (this.#below(200) === 0) for (let turns = this.#below(30); turns > 0; turns--) await new Promise(setImmediate);
    }
    out.end();
  }

  /** Reads the file and compares every byte; breaks off after `untilByte`. */
  async #read(path: string, bytes: Buffer, untilByte: number): Promise<void> {
    // The service closes a connection on which nothing was called for two minutes.
    if (this.#with.connection.session.closed) this.#with.connection = this.#with.service.connect();
    const { connection, count } = this.#with;
    const { session } = connection as { session: ClientHttp2Session };
    const stream = session.request({
      ":path": `${toUrlPath(path)}?alt=media&redirect=false`,
      authorization: `Bearer ${SERVICE_TOKEN}`,
    });
    stream.on("error", () => {});
    const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
    if (headers[":status"] !== 200)
      throw new Error(
        `caller ${this.#id} by ${this.#with.way} cannot read ${path}: ${Buffer.concat(await stream.toArray())}`,
      );
    let at = 0;
    for await (const piece of stream as AsyncIterable<Buffer>) {
      if (!piece.equals(bytes.subarray(at, at + piece.length)))
        throw new Error(`caller ${this.#id} reads other bytes than its own in ${path}, from byte ${at} on`);
      at += piece.length;
      if (at >= untilByte && untilByte < bytes.length) {
        count.cuts++;
        break;
      }
    }
    if (untilByte === bytes.length && at !== bytes.length)
      throw new Error(`caller ${this.#id} reads ${at} of ${bytes.length} bytes of ${path}`);
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

/** Words of four bytes that name the caller, the file and their own place. */
function patternOf(caller: number, file: number, lengthBytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(lengthBytes / 4));
  const start = Math.imul(caller * 1009 + file + 1, 0x9e3779b1);
  for (let at = 0; at < words.length; at++) words[at] = start + at;
  return Buffer.from(words.buffer).subarray(0, lengthBytes);
}

const toTarget = (path: string) => ({ requestId: randomUUID(), namespace: "default", path });
const toUrlPath = (path: string) => `/v1/namespaces/default/files/${path}`;
const toHeaders = (lengthBytes: number) => ({
  authorization: `Bearer ${SERVICE_TOKEN}`,
  "content-length": lengthBytes,
});

async function answerOf(stream: ReturnType<ClientHttp2Session["request"]>): Promise<void> {
  const [headers] = (await once(stream, "response")) as [{ ":status"?: number }];
  const pieces: Buffer[] = await stream.toArray();
  if ((headers[":status"] ?? 0) >= 300) throw new Error(Buffer.concat(pieces).toString());
}
