import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { text } from "node:stream/consumers";
import { expect } from "chai";
import { answerVersion, TEST_LISTENER_LIMITS } from "../../testing/rigs/service/test-listener.ts";
import { until } from "../../testing/rigs/until.ts";
import { type Listener, listen } from "./listener.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import { answerJson, type NodeRequest, type NodeRequestListener, type NodeResponse } from "./node-messages.ts";

describe("listen", () => {
  let listener: Listener | undefined;
  const portErrors: Error[] = [];

  async function open(
    options: { limits?: Partial<ListenerLimits>; onRequest?: NodeRequestListener } = {},
  ): Promise<Listener> {
    listener = await listen({
      host: "127.0.0.1",
      port: 0,
      tls: undefined,
      onRequest: options.onRequest ?? answerVersion,
      onError: (error) => portErrors.push(error),
      limits: { ...TEST_LISTENER_LIMITS, ...options.limits },
    });
    return listener;
  }

  afterEach(async () => {
    await listener?.close({ graceMs: 0 });
    listener = undefined;
    expect(portErrors).to.deep.equal([]);
  });

  it("serves HTTP/1.1 and HTTP/2 on one plaintext port", async () => {
    const { url, port } = await open();
    expect(url).to.equal(`http://127.0.0.1:${port}`);
    expect(await getHttp1(url)).to.deep.equal({ version: "1.1" });
    expect(await getHttp2(url)).to.deep.equal({ version: "2.0" });
  });

  it("says the windows and limits that it was given", async () => {
    const { url } = await open();
    const session = http2.connect(url);
    await once(session, "remoteSettings");
    expect(session.remoteSettings).to.include({
      initialWindowSize: TEST_LISTENER_LIMITS.windowStartBytes,
      maxConcurrentStreams: TEST_LISTENER_LIMITS.streamsMax,
      maxHeaderListSize: TEST_LISTENER_LIMITS.headersMaxBytes,
    });
    await request(session, { ":path": "/" });
    expect(session.state.remoteWindowSize).to.equal(TEST_LISTENER_LIMITS.sessionWindowBytes);
    session.close();
  });

  it("recognises a preface that arrives in pieces", async () => {
    const { port } = await open();
    const socket = net.connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    await once(socket, "connect");
    for (const piece of ["P", "RI * HT", "TP/2.0\r\n\r\nSM\r\n\r\n"]) {
      await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
    }
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // an empty SETTINGS frame
    const [frame] = (await once(socket, "data")) as [Buffer];
    expect(frame[3], "type of the first frame").to.equal(4);
    socket.destroy();
  });

  it("closes a connection that shows half a preface and falls silent", async () => {
    const { port } = await open({ limits: { handshakeTimeoutMs: 50 } });
    const socket = net.connect(port, "127.0.0.1");
    socket.write("PRI * HTTP");
    socket.resume();
    await once(socket, "close");
  });

  it("closes a connection whose caller leaves within the preface", async () => {
    const { port } = await open();
    const socket = net.connect(port, "127.0.0.1");
    socket.end("PRI");
    socket.resume();
    await once(socket, "close");
  });

  it("ends HTTP/1.1 headers that do not come to an end", async () => {
    const { port } = await open({ limits: { headersTimeoutMs: 50 } });
    const socket = net.connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n");
    expect(await text(socket)).to.match(/^HTTP\/1\.1 408 /);
  });

  it("ends an HTTP/1.1 body that does not come to an end, but not that of a PUT", async () => {
    const isSeen = new Map<string, NodeRequest>();
    const { port } = await open({
      limits: { requestTimeoutMs: 50 },
      onRequest: (request) => isSeen.set(request.method ?? "", request),
    });
    const send = (method: string) => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write(`${method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1`);
      return socket.resume();
    };
    const put = send("PUT");
    await until("the PUT is seen", () => isSeen.has("PUT"));
    await once(send("POST"), "close");
    expect(put.destroyed, "the older connection of the PUT").to.equal(false);
    put.destroy();
  });

  it("ends an HTTP/1.1 body that goes on for long behind an answer that refused it, that of a PUT too", async () => {
    for (const method of ["POST", "PUT"]) {
      const { port, close } = await open({
        limits: { requestTimeoutMs: 50 },
        onRequest: (request, response) => answerJson(request, response, { status: 404, body: {} }),
      });
      const socket = net.connect(port, "127.0.0.1").on("error", () => {});
      socket.write(`${method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n`);
      await once(socket, "data");
      // A byte now and then keeps Node's own idle timeout from ending the connection.
      await until(`the ${method} is cut`, () => socket.destroyed || !socket.write("1"));
      await close({ graceMs: 0 });
    }
  });

  it("asks for a body that waits, but leaves that of a PUT to who serves it", async () => {
    const { port } = await open();
    const send = async (method: string) => {
      const socket = net.connect(port, "127.0.0.1");
      socket.write(
        `${method} / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 9\r\n\r\n`,
      );
      return await text(socket);
    };
    expect(await send("POST")).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(await send("PUT")).to.match(/^HTTP\/1\.1 200 /);
  });

  it("refuses headers over the limit in both protocols", async () => {
    const { url } = await open();
    const headers = { "x-long": "a".repeat(TEST_LISTENER_LIMITS.headersMaxBytes + 1) };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get(url, { headers }, resolve).on("error", reject);
    });
    expect(response.statusCode).to.equal(431);
    response.resume();
    const session = http2.connect(url);
    session.on("error", () => {});
    await once(session, "remoteSettings");
    const stream = session.request({ ":path": "/", ...headers });
    const failure = await once(stream, "response").catch((error: Error) => error.message);
    expect(failure).to.match(/ENHANCE_YOUR_CALM/);
    session.destroy();
  });

  it("survives garbage after the preface and a reset connection", async () => {
    const { url, port } = await open();
    const garbler = net.connect(port, "127.0.0.1");
    garbler.end(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"garbage".repeat(100)}`);
    garbler.resume();
    await once(garbler, "close");
    const resetter = net.connect(port, "127.0.0.1");
    await once(resetter, "connect");
    resetter.write("GET / HT");
    resetter.resetAndDestroy();
    expect(await getHttp2(url)).to.deep.equal({ version: "2.0" });
  });

  it("closes a connection when its caller closes, without a GOAWAY", async () => {
    const { port } = await open();
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write(
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
    );
    await once(socket, "data");
    socket.end();
    await once(socket.resume(), "end");
  });

  it("closes connections over the limit and keeps the others", async () => {
    const { url, port } = await open({ limits: { connectionsMax: 1 } });
    const session = http2.connect(url);
    await once(session, "remoteSettings");
    const second = net.connect(port, "127.0.0.1");
    second.on("error", () => {});
    await until("the second is refused", () => second.destroyed);
    expect(JSON.parse(await request(session, { ":path": "/" }))).to.deep.equal({ version: "2.0" });
    session.close();
  });

  it("rejects when the port is taken", async () => {
    const { port } = await open();
    const second = await listen({
      host: "127.0.0.1",
      port,
      tls: undefined,
      onRequest: answerVersion,
      onError: () => {},
      limits: TEST_LISTENER_LIMITS,
    }).catch((error: NodeJS.ErrnoException) => error.code);
    expect(second).to.equal("EADDRINUSE");
  });

  describe("close", () => {
    it("lets an open request end, and takes no new connection", async () => {
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<[NodeRequest, NodeResponse]>();
      const { url, port, close } = await open({ onRequest: (...exchange) => arrive(exchange) });
      const session = http2.connect(url);
      const answer = request(session, { ":path": "/" });
      const [serverRequest, serverResponse] = await arrived;
      const goaway = once(session, "goaway");
      const closed = close({ graceMs: 60_000 });
      await goaway;
      const refused = await once(net.connect(port, "127.0.0.1"), "connect").catch((error) => error.code);
      expect(refused).to.equal("ECONNREFUSED");
      answerVersion(serverRequest, serverResponse);
      expect(JSON.parse(await answer)).to.deep.equal({ version: "2.0" });
      await closed;
    });

    it("cuts what lasts beyond the grace, also when asked a second time with less", async () => {
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
      const { url, close } = await open({ onRequest: () => arrive() });
      const session = http2.connect(url);
      session.on("error", () => {});
      const stream = session.request({ ":path": "/" });
      stream.on("error", () => {});
      await arrived;
      const first = close({ graceMs: 60_000 });
      await close({ graceMs: 0 });
      await first;
      if (!stream.closed) await once(stream, "close");
    });

    it("does not wait for idle connections of either protocol", async () => {
      const { url, close } = await open();
      const agent = new http.Agent({ keepAlive: true });
      await getHttp1(url, agent);
      const session = http2.connect(url);
      await request(session, { ":path": "/" });
      await close({ graceMs: 60_000 });
      if (!session.closed) await once(session, "close");
      agent.destroy();
    });
  });

  it("names a wildcard address so that a client can call it", async () => {
    for (const [host, url] of [
      ["0.0.0.0", /^http:\/\/127\.0\.0\.1:\d+$/],
      ["::1", /^http:\/\/\[::1\]:\d+$/],
    ] as const) {
      const opened = await listen({
        host,
        port: 0,
        tls: undefined,
        onRequest: answerVersion,
        onError: () => {},
        limits: TEST_LISTENER_LIMITS,
      }).catch((error: NodeJS.ErrnoException) => error);
      if (opened instanceof Error) {
        console.log(`skipped: ${host} cannot be listened on here`);
        continue;
      }
      expect(opened.url).to.match(url);
      await opened.close({ graceMs: 0 });
    }
  });
});

async function getHttp1(url: string, agent?: http.Agent): Promise<unknown> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(url, agent === undefined ? {} : { agent }, resolve).on("error", reject);
  });
  return JSON.parse(await text(response));
}

async function getHttp2(url: string): Promise<unknown> {
  const session = http2.connect(url);
  try {
    return JSON.parse(await request(session, { ":path": "/" }));
  } finally {
    session.close();
  }
}

function request(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders): Promise<string> {
  const stream = session.request(headers);
  stream.end();
  return text(stream);
}
