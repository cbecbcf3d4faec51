import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { toS3Failure } from "../errors.ts";
import { type ConnectionLimits, Connections, type PushedRequest } from "./connections.ts";
import { StreamedBody } from "./streamed-body.ts";

/** The limits allow two connections, which are the spare ones. */
const LIMITS: ConnectionLimits = {
  requestsMax: { body: 0, control: 0, read: 0, copy: 0, probe: 0 },
  connectTimeoutMs: 5000,
  socketTimeoutMs: 5000,
  tlsMin: "TLSv1.3",
};

describe("Connections", () => {
  let server: Server;
  let sockets: Socket[];
  let connections: Connections;
  let port: number;
  /** How the server treats a connection. By default it answers each request once its head and "end" are there. */
  let serve: (socket: Socket) => void;

  beforeEach(async () => {
    sockets = [];
    serve = (socket) => {
      let text = "";
      socket.on("data", (bytes) => {
        text += bytes.toString("latin1");
        if (!text.endsWith("end")) return;
        text = "";
        socket.write('HTTP/1.1 200 OK\r\nETag: "e"\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 0\r\n\r\n');
      });
    };
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      serve(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    connections.destroy();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });

  const push = (lengthBytes: number, options: { signal?: AbortSignal; request?: Partial<PushedRequest> } = {}) => {
    const layout = { form: "header", chunkBytes: 0, corkBytes: 0 } as const;
    const body = new StreamedBody(lengthBytes, { layout, crc32: 0, onActivity: () => {} });
    const request: PushedRequest = {
      protocol: "http:",
      hostname: "127.0.0.1",
      port,
      method: "PUT",
      path: "/b/k?x=1",
      headers: { "content-length": String(lengthBytes) },
      ...options.request,
    };
    const answer = connections.push(request, body, options.signal ?? new AbortController().signal);
    answer.catch(() => {});
    return { body, answer };
  };
  const send = async (options: Parameters<typeof push>[1] = {}) => {
    const { body, answer } = push(3, options);
    body.write(Buffer.from("end"));
    body.end(crc32("end"));
    return await read(await answer);
  };

  for (const [what, readBytes] of [
    ["the headers", 0],
    ["half of the body", 8 * 2 ** 20],
  ] as const) {
    it(`takes no success that comes after ${what} for one, although the whole body is handed on`, async () => {
      const lengthBytes = 16 * 2 ** 20;
      serve = (socket) => {
        let seenBytes = 0;
        socket.on("data", ({ length }) => {
          seenBytes += length;
          if (seenBytes < readBytes) return;
          socket.pause();
          socket.write('HTTP/1.1 200 OK\r\nETag: "e"\r\nx-amz-checksum-crc32: AAAAAA==\r\nContent-Length: 0\r\n\r\n');
        });
      };
      connections = new Connections(LIMITS);
      const { body, answer } = push(lengthBytes);
      body.write(Buffer.alloc(lengthBytes));
      body.end(0);
      const error = await answer.then(
        () => expect.fail("the answer counted"),
        (caught) => caught,
      );
      expect(error).to.include({ name: "EarlySuccess" });
      expect(toS3Failure(error)).to.equal("retryable");
    });
  }

  it("keeps connections for the next request", async () => {
    connections = new Connections(LIMITS);
    for (const _ of [1, 2, 3]) expect((await send()).status).to.equal(200);
    expect(sockets).to.have.lengthOf(1);
  });

  it("opens only so many at once; others wait for one", async () => {
    connections = new Connections(LIMITS);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => send()));
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200, 200]);
    expect(sockets).to.have.lengthOf(2);
  });

  it("takes an answer that comes before the body is read, and never the connection again", async () => {
    connections = new Connections(LIMITS);
    serve = (socket) => {
      socket.once("data", () => {
        // The server reads no further, as if it had no room: the client must not wait for the rest of the body.
        socket.pause();
        socket.write("HTTP/1.1 503 Slow Down\r\nContent-Length: 4\r\n\r\nbusy");
      });
    };
    const { body, answer } = push(50_000_000);
    body.write(Buffer.alloc(20_000_000));
    expect(await read(await answer)).to.deep.equal({ status: 503, text: "busy" });
    body.write(Buffer.alloc(1000));
    const { sockets: busy, freeSockets } = connections.httpAgent;
    while (Object.keys(busy).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(freeSockets).to.deep.equal({});
    const second = push(50_000_000);
    second.body.write(Buffer.alloc(10));
    expect((await read(await second.answer)).status).to.equal(503);
    expect(sockets).to.have.lengthOf(2);
  });

  it("believes no success that comes before all bytes have gone, and tries again", async () => {
    connections = new Connections(LIMITS);
    serve = (socket) => {
      socket.once("data", () => socket.write('HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'));
    };
    const { body, answer } = push(20);
    body.write(Buffer.alloc(10));
    const error = await answer.catch((caught) => caught);
    expect(error).to.have.property("message", "storage answered 200 before it could have had all bytes");
    expect(toS3Failure(error)).to.equal("retryable");
    const { sockets: busy, freeSockets } = connections.httpAgent;
    while (Object.keys(busy).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(freeSockets, "nothing more goes that way").to.deep.equal({});
  });

  it("rejects what is cut, refused or rubbish, so that it is tried again", async () => {
    connections = new Connections(LIMITS);
    const cuts: ((socket: Socket) => void)[] = [
      (socket) => socket.destroy(),
      (socket) => socket.once("data", () => socket.destroy()),
      (socket) => socket.once("data", () => socket.end("HTTP/1.1 20")),
      (socket) => socket.once("data", () => socket.end("rubbish\r\n\r\n")),
      (socket) => socket.once("data", () => socket.resetAndDestroy()),
    ];
    for (const cut of cuts) {
      serve = cut;
      const error = await send().catch((caught) => caught);
      expect(toS3Failure(error), `${error.name} ${error.code}`).to.equal("retryable");
    }
    server.close();
    await once(server, "close");
    const error = await send().catch((caught) => caught);
    expect(toS3Failure(error)).to.equal("retryable");
    server.listen(0);
    await once(server, "listening");
  });

  it("gives up a connection on which nothing moves", async () => {
    connections = new Connections({ ...LIMITS, socketTimeoutMs: 50 });
    serve = (socket) => socket.pause();
    const error = await send().catch((caught) => caught);
    expect(error.message).to.contain("no progress for 50 ms");
    expect(toS3Failure(error)).to.equal("retryable");
  });

  it("gives up a connection that does not come about", async () => {
    connections = new Connections({ ...LIMITS, connectTimeoutMs: 50 });
    // The server takes the connection but no part in the TLS handshake.
    serve = (socket) => socket.resume();
    const error = await send({ request: { protocol: "https:" } }).catch((caught) => caught);
    expect(error.message).to.contain("no connection within 50 ms");
    expect(toS3Failure(error)).to.equal("retryable");
  });

  it("ends with the reason of its signal: before, while waiting for a connection, and while sending", async () => {
    connections = new Connections(LIMITS);
    const reason = new Error("enough");
    const before = await send({ signal: AbortSignal.abort(reason) }).catch((error) => error);
    const controller = new AbortController();
    const [first, second, waiting] = [1, 2, 3].map(() =>
      push(3, { signal: controller.signal }).answer.catch((error) => error),
    );
    controller.abort(reason);
    expect(await Promise.all([before, first, second, waiting])).to.deep.equal([reason, reason, reason, reason]);
    const words = new AbortController();
    const worded = push(3, { signal: words.signal }).answer.catch((error) => error);
    words.abort("in words");
    expect((await worded).message).to.equal("in words");
    expect((await send()).status).to.equal(200);
  });

  it("leaves no listener on a signal that outlives the request", async () => {
    connections = new Connections(LIMITS);
    const controller = new AbortController();
    const { getEventListeners } = await import("node:events");
    await send({ signal: controller.signal });
    while (getEventListeners(controller.signal, "abort").length > 0)
      await new Promise((resolve) => setImmediate(resolve));
  });

  it("takes an address in brackets", async function () {
    connections = new Connections(LIMITS);
    server.close();
    await once(server, "close");
    server.listen(0, "::1");
    const isListening = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isListening) {
      console.log("      skipped: this machine has no IPv6 loopback");
      server.listen(0);
      await once(server, "listening");
      this.skip();
    }
    port = (server.address() as AddressInfo).port;
    expect((await send({ request: { hostname: "[::1]" } })).status).to.equal(200);
  });
});

async function read(answer: IncomingMessage): Promise<{ status: number | undefined; text: string }> {
  return { status: answer.statusCode, text: Buffer.concat(await answer.toArray()).toString() };
}
