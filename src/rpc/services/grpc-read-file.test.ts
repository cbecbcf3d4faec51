import { once } from "node:events";
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ReadFileRequestSchema } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { encodeFrame } from "../../client/uploads/grpc-frames.ts";
import type { ReadFileEvent } from "../../queries/read-file.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { until } from "../../testing/rigs/until.ts";
import { sampleChunk, sampleFile } from "../../testing/samples/sample-records.ts";
import type { FileQueryFunctions } from "./file-query-service.ts";

const HEADERS = {
  ":method": "POST",
  ":path": "/sluice.v1.FileQueryService/ReadFile",
  "content-type": "application/grpc",
  authorization: `Bearer ${API_TOKEN}`,
};
const FRAME = encodeFrame(toBinary(ReadFileRequestSchema, create(ReadFileRequestSchema, { path: "a" })));
const CHUNK_BYTES = 2 ** 18;

const header: ReadFileEvent = { kind: "header", file: sampleFile(), offset: 0, sizeBytes: 1e9 };
const chunkAt = (offset: number) => sampleChunk(offset, Buffer.alloc(CHUNK_BYTES));

describe("the gRPC form of ReadFile", () => {
  let server: ApiServer | undefined;
  let session: ClientHttp2Session | undefined;
  afterEach(async () => {
    session?.destroy();
    await server?.close({ graceMs: 0 });
  });

  type Options = Parameters<typeof openApiServer>[1];
  /** Serves the function, and resolves to what calls it. */
  async function open(readFile: FileQueryFunctions["readFile"], options: Options = {}) {
    server = await openApiServer({ fileQueries: { readFile } }, options);
    const opened = connect(server.url);
    opened.on("error", () => {});
    session = opened;
    return (headers: Readonly<Record<string, string>> = {}, body: readonly Uint8Array[] = [FRAME]) => {
      const stream = opened.request({ ...HEADERS, ...headers });
      stream.on("error", () => {});
      stream.end(Buffer.concat(body));
      return stream;
    };
  }

  /** The code and the message that a call ends with, of which nothing is read before. */
  async function statusOf(stream: ReturnType<Awaited<ReturnType<typeof open>>>) {
    let status: IncomingHttpHeaders = {};
    for (const event of ["response", "trailers"])
      stream.on(event, (headers: IncomingHttpHeaders) => {
        status = { ...status, ...headers };
      });
    await once(stream.resume(), "close");
    return [Number(status["grpc-status"]), decodeURIComponent(String(status["grpc-message"] ?? ""))] as const;
  }

  /** Reads until its caller is gone, and notes that it ended. */
  function endless() {
    const state = { offset: 0, isOver: false };
    const readFile: FileQueryFunctions["readFile"] = async function* (_, { signal }) {
      try {
        yield header;
        for (; ; state.offset += CHUNK_BYTES) {
          signal.throwIfAborted();
          yield chunkAt(state.offset);
        }
      } finally {
        state.isOver = true;
      }
    };
    return { state, readFile };
  }

  /** Waits for the end of the call, whatever comes. */
  const silent: FileQueryFunctions["readFile"] = async function* (_, { signal }) {
    yield header;
    await once(signal, "abort");
    signal.throwIfAborted();
  };

  for (const [what, body, code, says] of [
    ["no message", [], 12, "no message came"],
    ["two messages", [FRAME, FRAME], 12, "a second message came"],
    ["bytes that are no protobuf", [encodeFrame(Buffer.from([0xff]))], 3, "the request cannot be read"],
    ["a compressed message", [Buffer.from([1, 0, 0, 0, 0])], 13, "compress"],
    ["half a message", [FRAME.subarray(0, 6)], 3, "the request cannot be read"],
    ["a message over the limit", [encodeFrame(Buffer.alloc(2 ** 21))], 8, "send smaller messages"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const [foundCode, message] = await statusOf((await open(silent))({}, body));
      expect([foundCode, message.includes(says)], message).to.deep.equal([code, true]);
      expect(server?.messages.usedBytes, "of the messages' budget").to.equal(0);
    });
  }

  it("ends at its deadline, and tells the function", async () => {
    const [code] = await statusOf((await open(silent))({ "grpc-timeout": "50m" }));
    expect(code).to.equal(4);
    expect(server?.defects).to.deep.equal([]);
  });

  it("refuses a deadline that cannot be read", async () => {
    expect((await statusOf((await open(silent))({ "grpc-timeout": "soon" })))[0]).to.equal(3);
  });

  it("ends when the service stops", async () => {
    const stopping = new AbortController();
    const call = (await open(silent, { shutdownSignal: stopping.signal }))();
    await once(call, "response");
    stopping.abort(new Error("the service stops"));
    expect((await statusOf(call))[0]).to.equal(1);
  });

  it("cuts off a caller that does not read, and lets the function go", async () => {
    const { state, readFile } = endless();
    const call = (await open(readFile, { answerStallMs: 200 }))();
    await once(call.pause(), "close");
    expect(call.rstCode).to.equal(constants.NGHTTP2_CANCEL);
    await until("the function has ended", () => state.isOver);
    expect(state.offset, "bytes that were read ahead").to.be.at.most(4 * CHUNK_BYTES);
    expect(server?.defects).to.deep.equal([]);
  });

  it("lets the function go when its caller leaves", async () => {
    const { state, readFile } = endless();
    const call = (await open(readFile))();
    await once(call, "response");
    call.close(constants.NGHTTP2_CANCEL);
    await until("the function has ended", () => state.isOver);
    expect(server?.defects).to.deep.equal([]);
  });
});
