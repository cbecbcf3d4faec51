import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { text } from "node:stream/consumers";
import tls from "node:tls";
import { expect } from "chai";
import { answerVersion, TEST_LISTENER_LIMITS } from "../../testing/rigs/service/test-listener.ts";
import { createTlsCertificate, type TlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { until } from "../../testing/rigs/until.ts";
import { type Listener, listen } from "./listener.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import type { NodeRequestListener, NodeResponse } from "./node-messages.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GOAWAY = 7;

for (const form of ["plaintext", "TLS"] as const) {
  describe(`listen, to callers over ${form} that say nothing`, () => {
    let certificate: TlsCertificate | undefined;
    let listener: Listener | undefined;

    before(async function () {
      if (form === "TLS") certificate = await createTlsCertificate();
      if (form === "TLS" && certificate === undefined) this.skip();
    });

    afterEach(async () => {
      await listener?.close({ graceMs: 0 });
      listener = undefined;
    });

    async function open(limits: Partial<ListenerLimits>, onRequest: NodeRequestListener = answerVersion) {
      listener = await listen({
        host: "127.0.0.1",
        port: 0,
        tls: certificate,
        onRequest,
        onError: (error) => {
          throw error;
        },
        limits: { ...TEST_LISTENER_LIMITS, ...limits },
      });
      return listener;
    }

    /** A caller's socket that never closes its own half. */
    function connect(port: number, protocol: "h2" | "http/1.1"): net.Socket {
      const to = { port, host: "127.0.0.1", allowHalfOpen: true };
      const socket =
        certificate === undefined
          ? net.connect(to)
          : tls.connect({ ...to, ca: certificate.cert, ALPNProtocols: [protocol] });
      return socket.on("error", () => {});
    }

    const connectHttp2 = (url: string) => http2.connect(url, certificate && { ca: certificate.cert });

    /** Resolves once the service has ended its half of the connection. */
    async function untilEnded(socket: net.Socket): Promise<void> {
      socket.resume();
      await until("the connection ends", () => socket.readableEnded || socket.destroyed);
      socket.destroy();
    }

    /** Resolves once the service has ended the connection altogether: bytes that are sent then are refused. */
    async function untilCut(socket: net.Socket): Promise<void> {
      socket.resume();
      await until("the connection is cut", () => {
        // Over TLS an end closes both halves; over TCP alone, only a write finds out.
        if (!socket.destroyed && socket.writable) socket.write("\0");
        return socket.destroyed || socket.closed;
      });
    }

    it("cuts HTTP/2 that ends with its preface", async () => {
      const { port } = await open({ handshakeTimeoutMs: 50 });
      const socket = connect(port, "h2");
      socket.write(PREFACE);
      await untilEnded(socket);
    });

    it("cuts a connection that says nothing at all", async () => {
      const { port } = await open({ handshakeTimeoutMs: 50, headersTimeoutMs: 50 });
      for (const protocol of ["h2", "http/1.1"] as const) await untilEnded(connect(port, protocol));
    });

    it("ends HTTP/2 that has had no call for long by GOAWAY", async () => {
      const { url } = await open({ idleTimeoutMs: 50 });
      const session = connectHttp2(url);
      const goaway = once(session, "goaway");
      const closed = once(session, "close");
      const [code] = await goaway;
      expect(code).to.equal(http2.constants.NGHTTP2_NO_ERROR);
      await closed;
    });

    it("cuts HTTP/2 whose caller stays though it was told to go", async () => {
      // The settings have this time to arrive, too: a machine that stands still for a moment must not use it up.
      const { port } = await open({ idleTimeoutMs: 50, handshakeTimeoutMs: 1000 });
      const socket = connect(port, "h2");
      socket.write(Buffer.concat([PREFACE, EMPTY_SETTINGS]));
      const seen = watch(socket);
      await until("GOAWAY comes", () => seen().includes(GOAWAY));
      await untilCut(socket);
    });

    it("ends HTTP/1.1 that has had no further call for long", async () => {
      const { port } = await open({ idleTimeoutMs: 50 });
      const socket = connect(port, "http/1.1");
      socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      expect(await text(socket)).to.match(/^HTTP\/1\.1 200 /);
      socket.destroy();
    });

    it("leaves a connection with an open stream alone, and ends it after that", async () => {
      const held: NodeResponse[] = [];
      const { url } = await open({ idleTimeoutMs: 50 }, (_request, response) => held.push(response));
      const busy = connectHttp2(url);
      const stream = busy.request({ ":path": "/" });
      await until("the call has arrived", () => held.length > 0);
      // Two younger connections end before it, one after the other.
      for (let i = 0; i < 2; i++) await once(connectHttp2(url), "close");
      expect([busy.closed, stream.closed]).to.deep.equal([false, false]);
      (held[0] as http2.Http2ServerResponse).end("late");
      expect(await text(stream)).to.equal("late");
      await once(busy, "close");
    });
  });
}

/** Collects the types of the HTTP/2 frames that a socket receives from here on. */
function watch(socket: net.Socket): () => number[] {
  let received = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
  });
  return () => {
    const types: number[] = [];
    for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3))
      types.push(received.readUInt8(at + 3));
    return types;
  };
}
