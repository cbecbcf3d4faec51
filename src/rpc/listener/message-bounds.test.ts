import type { EventEmitter } from "node:events";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp } from "node:net";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect } from "chai";
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import { FileQueryService, GetFileRequestSchema } from "../../../gen/sluice/v1/file_query_service_pb.ts";
import { UploadService, type WriteUploadRequest } from "../../../gen/sluice/v1/upload_service_pb.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { until } from "../../testing/rigs/until.ts";
import { catchError, sampleFile } from "../../testing/samples/sample-records.ts";
import { HEALTH_WATCH_LIMITS } from "../services/health-service.ts";

const AUTHORIZED = { authorization: `Bearer ${API_TOKEN}` };
const GET_FILE = "/sluice.v1.FileQueryService/GetFile";
const CHECK = "/grpc.health.v1.Health/Check";
/** A field that none of our messages has, and its value: two bytes that would become an object. */
const UNKNOWN_FIELD = Buffer.of(0x78, 1);

describe("messages of callers", () => {
  let server: ApiServer;
  let sessions: ReturnType<typeof connect>[];

  const open = async (options: Parameters<typeof openApiServer>[1] = {}, functions = {}) => {
    server = await openApiServer({ fileQueries: { getFile: async () => sampleFile() }, ...functions }, options);
  };
  beforeEach(() => {
    sessions = [];
  });
  afterEach(async () => {
    for (const session of sessions) session.destroy();
    await server.close({ graceMs: 0 });
    expect(server.messages.usedBytes, "bytes still counted").to.equal(0);
    expect(server.defects).to.deep.equal([]);
  });

  /** A connection that nothing else uses. */
  const openSession = () => {
    const session = connect(server.url);
    session.on("error", () => {});
    sessions.push(session);
    return session;
  };
  /** Begins a call in Connect's unary form; the test writes its body. */
  const begin = (path: string, headers: Record<string, string>, session = openSession()) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.on("error", () => {});
    const answered = new Promise<IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
    const answer = async () => ({ status: await status(), body: JSON.parse(await text(stream)) });
    const status = async () => (await answered)[":status"];
    return { stream, status, answer };
  };
  const post = (path: string, body: Uint8Array, headers: Record<string, string>) => {
    const call = begin(path, headers);
    call.stream.end(body);
    return call.answer();
  };
  const reasonOf = ({ body }: { body: { code: string; details?: { debug?: { reason: string } }[] } }) =>
    `${body.code} ${body.details?.[0]?.debug?.reason}`;
  const proto = { "content-type": "application/proto" };
  const grpcWeb = () => createGrpcWebTransport({ baseUrl: server.url, httpVersion: "1.1" });

  it("that are too large again and again have the address shut out that they come from", async () => {
    await open();
    const session = openSession();
    const closeOf = (one: EventEmitter) => new Promise((resolve) => one.once("close", resolve));
    const closed = closeOf(session);
    let refused = 0;
    const send = async () => {
      while (!session.closed && !session.destroyed) {
        const call = begin(CHECK, { ...proto, "content-length": "4096" }, session);
        const over = Promise.race([closeOf(call.stream), closed]);
        if ((await Promise.race([call.status(), over])) === 429) refused++;
        call.stream.close();
        await over;
      }
    };
    await Promise.all(Array.from({ length: 20 }, send));
    expect(refused).to.be.greaterThan(900);
    await closeOf(openSession());
  });

  describe("of health", () => {
    it("have a kibibyte at most, without a token in any case", async () => {
      await open();
      for (const transport of [createGrpcTransport({ baseUrl: server.url }), grpcWeb()]) {
        const client = createClient(Health, transport);
        const failure = await catchError(() => client.check({ service: "a".repeat(1100) }));
        expect(failure).to.include({ code: Code.ResourceExhausted });
        expect((await client.check({})).status).to.equal(1);
      }
      const large = await post(CHECK, Buffer.alloc(1025), proto);
      expect(reasonOf(large)).to.equal("resource_exhausted MESSAGE_TOO_LARGE");
      const endless = begin(CHECK, proto);
      endless.stream.write(Buffer.alloc(1100));
      expect(reasonOf(await endless.answer())).to.equal("resource_exhausted MESSAGE_TOO_LARGE");
    });

    it("are not inflated", async () => {
      await open();
      const bomb = gzipSync(Buffer.alloc(4 * 2 ** 20, UNKNOWN_FIELD));
      const { body } = await post(CHECK, bomb, { ...proto, "content-encoding": "gzip" });
      expect(body.code).to.equal("unimplemented");
    });

    it("are given up when they do not come", async () => {
      await open({ messageTimeoutMs: 100 });
      const { stream, answer } = begin(CHECK, proto);
      stream.write(Buffer.of(10));
      expect(reasonOf(await answer())).to.equal("aborted STALLED");
    });
  });

  it("keep no field that is not known", async () => {
    const seen: WriteUploadRequest[] = [];
    const writeUpload = async function* (requests: AsyncIterable<WriteUploadRequest>) {
      for await (const request of requests) seen.push(request);
      yield* [];
    };
    await open({}, { uploads: { writeUpload } });
    const envelope = Buffer.concat([Buffer.of(0, 0, 0, 0, 2), UNKNOWN_FIELD]);
    const stream = openSession().request({
      ":method": "POST",
      ":path": "/sluice.v1.UploadService/WriteUpload",
      ...AUTHORIZED,
      "content-type": "application/connect+proto",
    });
    stream.end(envelope);
    await text(stream);
    expect(seen.map(({ $unknown }) => $unknown)).to.deep.equal([undefined]);
    expect(UploadService.method.writeUpload.methodKind).to.equal("bidi_streaming");
  });

  describe("that are not whole in time", () => {
    beforeEach(() => open({ messageTimeoutMs: 100 }));

    it("are given up over HTTP/2, and the stream ends", async () => {
      const { stream, answer } = begin(GET_FILE, { ...proto, ...AUTHORIZED });
      const closed = new Promise((resolve) => stream.once("close", resolve));
      stream.write(Buffer.of(10));
      const refused = await answer();
      expect(reasonOf(refused)).to.equal("aborted STALLED");
      expect(refused.body.message).to.equal(
        "not all of the message came within 100 ms; send it again, faster or in smaller ones",
      );
      await closed;
    });

    it("are given up in gRPC", async () => {
      const stream = openSession().request({
        ":method": "POST",
        ":path": GET_FILE,
        ...AUTHORIZED,
        "content-type": "application/grpc",
      });
      stream.write(Buffer.of(0, 0, 0, 0, 9, 10));
      const trailers = await new Promise<IncomingHttpHeaders>((resolve) => stream.once("trailers", resolve).resume());
      expect(trailers["grpc-status"]).to.equal(String(Code.Aborted));
    });

    for (const [what, path, method] of [
      ["Connect", GET_FILE, "POST"],
      ["REST", "/v1/namespaces/default/files/a", "PATCH"],
    ] as const) {
      it(`are given up over HTTP/1.1, in ${what}`, async () => {
        const socket = connectTcp(server.port, "127.0.0.1");
        const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${AUTHORIZED.authorization}\r\n`;
        socket.write(`${head}content-type: application/json\r\ncontent-length: 9\r\n\r\n{`);
        let answer = "";
        socket.on("data", (piece) => {
          answer += piece;
        });
        await until("it is answered", () => answer.includes("STALLED"));
        expect(answer).to.match(/^HTTP\/1\.1 409 /);
        socket.destroy();
      });
    }
  });

  describe("that are many", () => {
    it("are refused the largest first, and leave room for a small one", async () => {
      await open({ messageBudgetBytes: 42 * 8000 });
      const session = openSession();
      const unfinished = [3000, 1000, 2000].map((bytes) => {
        const call = begin(GET_FILE, { ...proto, ...AUTHORIZED }, session);
        call.stream.write(Buffer.alloc(bytes));
        return call;
      });
      await until("all have come", () => server.messages.usedBytes === 42 * 6000);
      const { path } = sampleFile();
      const small = createClient(FileQueryService, createGrpcTransport({ baseUrl: server.url }));
      expect((await small.getFile({ path }, { headers: AUTHORIZED })).file?.path).to.equal(path);
      unfinished[1]?.stream.write(Buffer.alloc(1500));
      expect(reasonOf(await unfinished[0]!.answer())).to.equal("resource_exhausted OVERLOADED");
      expect(server.messages.usedBytes).to.equal(42 * 4500);
      session.destroy();
      await until("nothing is counted", () => server.messages.usedBytes === 0);
    });

    it("are not taken memory for by what they announce", async () => {
      await open();
      const session = openSession();
      const before = process.memoryUsage().arrayBuffers;
      const calls = Array.from({ length: 50 }, () =>
        begin(GET_FILE, { ...proto, ...AUTHORIZED, "content-length": String(2 ** 20) }, session),
      );
      for (const { stream } of calls) stream.write(Buffer.of(10));
      await until("all have come", () => server.messages.usedBytes === 42 * calls.length);
      expect(process.memoryUsage().arrayBuffers - before).to.be.below(20 * 2 ** 20);
      session.destroy();
      await until("nothing is counted", () => server.messages.usedBytes === 0);
    });
  });

  describe("that inflate", () => {
    const message = toBinary(GetFileRequestSchema, create(GetFileRequestSchema, { path: "a".repeat(100_000) }));
    const headers = { ...proto, ...AUTHORIZED, "content-encoding": "gzip" };

    it("are counted as what they become", async () => {
      await open({ messageBudgetBytes: 42 * 50_000 });
      expect(reasonOf(await post(GET_FILE, gzipSync(message), headers))).to.equal("resource_exhausted OVERLOADED");
    });

    it("end at the limit", async () => {
      await open();
      const { body } = await post(GET_FILE, gzipSync(Buffer.alloc(64 * 2 ** 20)), headers);
      expect(reasonOf({ body })).to.equal("resource_exhausted MESSAGE_TOO_LARGE");
      expect(body.message).to.contain("1048576 bytes after decompression");
    });

    it("are served, and refused when they are no gzip", async () => {
      await open();
      const call = begin(GET_FILE, headers);
      call.stream.end(gzipSync(message));
      expect(await call.status()).to.equal(200);
      const { status, body } = await post(GET_FILE, Buffer.from("garbage"), headers);
      expect([status, reasonOf({ body })]).to.deep.equal([400, "invalid_argument MESSAGE_MALFORMED"]);
    });
  });

  it("say by a sentence which content types there are", async () => {
    await open();
    for (const [contentType, says] of [
      [undefined, "content-type is missing; send application/json or"],
      ["text/plain", 'content-type is "text/plain"; send application/json or'],
    ] as const) {
      const headers = { ...AUTHORIZED, ...(contentType !== undefined && { "content-type": contentType }) };
      const { status, body } = await post(GET_FILE, Buffer.from("{}"), headers);
      expect([status, body.code]).to.deep.equal([415, "invalid_argument"]);
      expect(body.message).to.contain(says);
    }
    const get = await fetch(server.url + GET_FILE.replace("FileQuery", "FileCommand").replace("Get", "Update"));
    expect([get.status, ((await get.json()) as { message: string }).message]).to.deep.equal([
      405,
      "the method is called by GET; call it by POST",
    ]);
  });

  describe("that watch health", () => {
    it("are few of one address, and others when some have left", async () => {
      await open();
      // A server in tests allows a hundred streams on a connection.
      const clients = Array.from({ length: 4 }, () =>
        createClient(Health, createGrpcTransport({ baseUrl: server.url })),
      );
      const watch = (_: unknown, index: number) => {
        const client = clients[index % clients.length] as (typeof clients)[number];
        const abort = new AbortController();
        const watched = client.watch({}, { signal: abort.signal })[Symbol.asyncIterator]();
        return { first: watched.next(), leave: () => abort.abort() };
      };
      const share = (HEALTH_WATCH_LIMITS.runningMax * 7) / 8;
      const watches = Array.from({ length: share }, watch);
      await Promise.all(watches.map(({ first }) => first));
      const refused = (await catchError(() => watch(undefined, 0).first)) as ConnectError;
      expect(Code[refused.code]).to.equal("ResourceExhausted");
      expect(refused.rawMessage).to.contain("you have 224 health watches running here");
      for (const { leave } of watches) leave();
      const after = await until("a place is free", async () => {
        const { first, leave } = watch(undefined, 0);
        const seen = await first.catch(() => undefined);
        leave();
        return seen;
      });
      expect(after.value?.status).to.equal(1);
    });
  });
});
