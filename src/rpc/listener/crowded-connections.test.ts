import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { expect } from "chai";
import { TEST_LISTENER_LIMITS } from "../../testing/rigs/service/test-listener.ts";
import { until } from "../../testing/rigs/until.ts";
import { type Listener, listen } from "./listener.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import { answerJson, type NodeRequestListener } from "./node-messages.ts";

const CALLS = 500;
const HELLO = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
/** `:method GET`, `:scheme http`, `:path /`, `:authority x` (RFC 7541). */
const GET_HEADERS = Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 0x78]);
/** `:method POST`, `:scheme http`, `:path /u`, `:authority x`. */
const POST_HEADERS = Buffer.from([0x83, 0x86, 0x04, 2, 0x2f, 0x75, 0x41, 1, 0x78]);
const [END_STREAM, END_HEADERS, END_BOTH] = [1, 4, 5];
/** What the streams of cancelled calls come after. */
const LATER = 1000;
const PIECE = Buffer.alloc(1024, 1);

/** A frame of HTTP/2 (RFC 9113, 4.1). */
function frame(type: number, flags: number, { stream, payload }: { stream: number; payload: Buffer }): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const get = (stream: number) => frame(1, END_BOTH, { stream, payload: GET_HEADERS });
const post = (stream: number) => frame(1, END_HEADERS, { stream, payload: POST_HEADERS });
const reset = (stream: number, code: number) => frame(3, 0, { stream, payload: Buffer.from([0, 0, 0, code]) });

/** The frames that `of` gives for each of this many streams, in one packet. */
function inOnePacket(of: (stream: number) => Buffer[], calls = CALLS): Buffer {
  return Buffer.concat(Array.from({ length: calls }, (_, i) => of(2 * i + 1)).flat());
}

/** Calls and their resets, hundred after hundred. */
function pairs(calls: number): Buffer {
  const streams = Array.from({ length: calls }, (_, i) => 2 * i + 1 + LATER);
  const hundreds = Array.from({ length: calls / 100 }, (_, i) => streams.slice(100 * i, 100 * (i + 1)));
  return Buffer.concat(hundreds.flatMap((some) => [...some.map(get), ...some.map((stream) => reset(stream, 8))]));
}

describe("listen, to callers that send many calls at once", () => {
  let listener: Listener | undefined;

  afterEach(async () => {
    await listener?.close({ graceMs: 0 });
    listener = undefined;
  });

  async function open(onRequest: NodeRequestListener, limits: Partial<ListenerLimits> = {}) {
    listener = await listen({
      host: "127.0.0.1",
      port: 0,
      tls: undefined,
      onRequest,
      onError: (error) => {
        throw error;
      },
      limits: { ...TEST_LISTENER_LIMITS, streamsMax: 1000, ...limits },
    });
    return listener;
  }

  const connect = (port: number) => net.connect(port, "127.0.0.1").on("error", () => {});

  for (const [protocol, flood] of [
    ["HTTP/2", Buffer.concat([HELLO, inOnePacket((stream) => [get(stream)])])],
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(CALLS))],
  ] as const) {
    it(`serves another connection's call before most of the first one's, over ${protocol}`, async () => {
      const order: string[] = [];
      let other: net.Socket | undefined;
      const { port } = await open((request, response) => {
        order.push(request.url === "/other" ? "other" : "flood");
        other ??= connect(port).on("connect", () => other?.write("GET /other HTTP/1.1\r\nhost: x\r\n\r\n"));
        answerJson(request, response, { status: 200, body: {} });
      });
      const flooding = connect(port).resume();
      flooding.write(flood);
      await until("all calls are served", () => order.length === CALLS + 1);
      expect(order.indexOf("other")).to.be.lessThan(CALLS / 2);
      flooding.destroy();
      other?.destroy();
    });
  }

  for (const code of [http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_NO_ERROR]) {
    it(`does not serve calls that are given up in the packet that brought them, by code ${code}`, async () => {
      let served = 0;
      const { port } = await open((request, response) => {
        served++;
        answerJson(request, response, { status: 200, body: {} });
      });
      const socket = connect(port).resume();
      const last = 2 * CALLS + 1;
      socket.write(Buffer.concat([HELLO, inOnePacket((stream) => [get(stream), reset(stream, code)]), get(last)]));
      await once(socket, "data");
      await until("the last call is served", () => served > 0);
      expect(served).to.equal(1);
      socket.destroy();
    });
  }

  it("shuts out an address that gives up calls on one connection after the other", async () => {
    const { port } = await open((request, response) => answerJson(request, response, { status: 200, body: {} }));
    const flood = Buffer.concat([HELLO, inOnePacket((stream) => [get(stream), reset(stream, 8)])]);
    const flooding = [1, 2, 3, 4, 5, 6].map(() => connect(port).resume());
    for (const socket of flooding) socket.write(flood);
    const closed = (socket: net.Socket) => new Promise((resolve) => socket.once("close", resolve));
    await Promise.race(flooding.map(closed));
    const next = connect(port).resume();
    next.write(HELLO);
    await closed(next);
    for (const socket of flooding) socket.destroy();
  });

  for (const [whose, connectionsPerAddressMax] of [
    ["one address", 50],
    ["a proxy", undefined],
  ] as const) {
    for (const [when, cancelled] of [
      [
        "in the packet that brought them",
        inOnePacket((stream) => [get(stream + LATER), reset(stream + LATER, 8)], 2000),
      ],
      ["in the next one", pairs(2000)],
    ] as const) {
      it(`breaks no upload on a connection of ${whose} that gives up 2,000 calls ${when}`, async () => {
        const uploaded: string[] = [];
        const { port } = await open(
          async (request, response) => {
            if (request.url !== "/u") return answerJson(request, response, { status: 200, body: {} });
            let bytes = 0;
            for await (const piece of request) bytes += (piece as Buffer).length;
            uploaded.push(`${bytes} bytes`);
            answerJson(request, response, { status: 200, body: {} });
          },
          { connectionsPerAddressMax, streamsMax: 256 },
        );
        const socket = connect(port).resume();
        const uploads = Array.from({ length: 10 }, (_, i) => 2 * i + 1);
        const data = (flags: number) =>
          Buffer.concat(uploads.map((stream) => frame(0, flags, { stream, payload: PIECE })));
        socket.write(Buffer.concat([HELLO, ...uploads.map(post), data(0)]));
        socket.write(cancelled);
        socket.write(data(END_STREAM));
        await until("all uploads have ended", () => uploaded.length === 10 || socket.closed);
        expect(uploaded).to.deep.equal(uploads.map(() => `${2 * PIECE.length} bytes`));
        socket.destroy();
      });
    }
  }

  it("ends a connection of a proxy that gives up calls without end", async () => {
    const { port } = await open((request, response) => answerJson(request, response, { status: 200, body: {} }), {
      connectionsPerAddressMax: undefined,
    });
    const socket = connect(port).resume();
    const closed = once(socket, "close");
    socket.write(HELLO);
    socket.write(inOnePacket((stream) => [get(stream), reset(stream, 8)], 7000));
    await closed;
  });

  it("holds back the calls of a connection that has many unanswered, until one begins to be answered", async () => {
    const held: { path: string | undefined; response: http2.Http2ServerResponse }[] = [];
    const { url } = await open(
      ({ url: path }, response) => held.push({ path, response: response as http2.Http2ServerResponse }),
      { callsBegunMax: 3 },
    );
    // How the connections end at last does not matter here.
    const connectHttp2 = () => http2.connect(url).on("error", () => {});
    const call = (session: http2.ClientHttp2Session, path: string) =>
      session
        .request({ ":path": path })
        .on("error", () => {})
        .resume();
    const [session, other] = [connectHttp2(), connectHttp2()];
    const streams = Array.from({ length: 5 }, () => call(session, "/"));
    const otherStream = call(other, "/other");
    await until("the other's call is served", () => held.some(({ path }) => path === "/other"));
    expect(held.length).to.equal(4);
    // The call is not over: it streams.
    held[0]?.response.write("begun");
    await until("one more is served", () => held.length === 5);
    streams[1]?.close(http2.constants.NGHTTP2_CANCEL);
    await until("the last is served", () => held.length === 6);
    for (const { response } of held) response.end();
    otherStream.close();
    // The sessions end before the listener does: it would cut the rest, and a client takes that for an error.
    await Promise.all([session, other].map((each) => new Promise<void>((resolve) => each.close(resolve))));
  });
});
