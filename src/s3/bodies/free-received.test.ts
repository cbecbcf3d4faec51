import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer, get as getByTls } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { expect } from "chai";
import { createTlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { freeReceived } from "./free-received.ts";

const CONTENT = Buffer.alloc(2 ** 20, "content of a file ");

describe("freeReceived", () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let server: Server;
  before(async () => {
    server = createServer((_request, response) => response.end(CONTENT)).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    agent.destroy();
    server.close();
  });

  /** Reads a body, as late as a slow reader does, and the buffers that its socket got. */
  async function read() {
    const { port } = server.address() as AddressInfo;
    const [response] = (await once(get({ port, host: "127.0.0.1", agent }), "response")) as [IncomingMessage];
    const received: ArrayBufferLike[] = [];
    const socket: Socket = response.socket;
    const note = ({ buffer }: Uint8Array) => received.push(buffer);
    socket.on("data", note);
    freeReceived(response);
    await new Promise(setImmediate);
    const pieces: Buffer[] = [];
    response.on("data", (piece: Buffer) => pieces.push(piece));
    await once(response, "close");
    socket.off("data", note);
    return { body: Buffer.concat(pieces), received, socket };
  }

  it("frees what the socket got, leaves the body whole, and nothing behind on a socket that is used again", async () => {
    let sockets = new Set<Socket>();
    for (let round = 0; round < 3; round++) {
      const { body, received, socket } = await read();
      sockets = sockets.add(socket);
      expect(body.equals(CONTENT)).to.equal(true);
      expect(received.length).to.be.above(3);
      expect(received.filter((buffer) => !(buffer as ArrayBuffer).detached)).to.deep.equal([]);
      expect(socket.listenerCount("data")).to.be.at.most(1);
    }
    expect(sockets.size, "connections").to.equal(1);
  });

  it("frees the buffers that TLS sockets share once all of their bytes have come, and leaves the body whole", async function () {
    const certificate = await createTlsCertificate();
    if (certificate === undefined) return this.skip();
    const tlsServer = createTlsServer(certificate, (_request, response) => response.end(CONTENT)).listen(
      0,
      "127.0.0.1",
    );
    await once(tlsServer, "listening");
    const { port } = tlsServer.address() as AddressInfo;
    const asked = getByTls({ port, host: "127.0.0.1", rejectUnauthorized: false, agent: false });
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    const received = new Set<ArrayBufferLike>();
    response.socket.on("data", ({ buffer }: Uint8Array) => received.add(buffer));
    freeReceived(response);
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece as Buffer);
    tlsServer.close();
    expect(Buffer.concat(pieces).equals(CONTENT)).to.equal(true);
    const freed = [...received].filter((buffer) => (buffer as ArrayBuffer).detached);
    // The first ones hold the handshake and the headers, too, and the last one is not full.
    expect(freed.length).to.be.at.least(received.size - 3);
    expect(freed.length).to.be.above(3);
  });
});
