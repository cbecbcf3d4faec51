import { once } from "node:events";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { text } from "node:stream/consumers";
import tls from "node:tls";
import { expect } from "chai";
import { TEST_LISTENER_LIMITS } from "../../testing/rigs/service/test-listener.ts";
import { createTlsCertificate, type TlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { type Listener, listen } from "./listener.ts";
import type { NodeResponse } from "./node-messages.ts";

/** How a refused handshake shows at the caller: an alert of TLS, or an end of the connection that overtook it. */
const REFUSED = /^(ERR_SSL_\w+|EPROTO|ECONNRESET|EPIPE|closed)$/;

describe("listen, when its TLS files change", () => {
  let listener: Listener | undefined;
  /** Authorities of the server's certificate and of callers' certificates, and what they have signed. */
  const made: Record<
    "root" | "server" | "renewed" | "ours" | "caller" | "expired" | "theirs" | "stranger",
    TlsCertificate
  > = {} as never;

  before(async function () {
    const root = await createTlsCertificate();
    if (root === undefined) return this.skip();
    const make = async (options: Parameters<typeof createTlsCertificate>[0]) =>
      (await createTlsCertificate(options)) as TlsCertificate;
    const [ours, theirs] = [await make({}), await make({})];
    Object.assign(made, {
      root,
      ours,
      theirs,
      server: await make({ issuer: root }),
      renewed: await make({ issuer: root }),
      caller: await make({ issuer: ours }),
      expired: await make({ issuer: ours, days: -1 }),
      stranger: await make({ issuer: theirs }),
    });
  });
  afterEach(async () => {
    await listener?.close({ graceMs: 0 });
    listener = undefined;
  });

  const held: NodeResponse[] = [];
  /** A call of `/held` is answered when the test ends its answer. */
  async function open({ clientCa }: { clientCa?: string } = {}): Promise<Listener> {
    held.length = 0;
    listener = await listen({
      host: "127.0.0.1",
      port: 0,
      tls: { ...made.server, clientCa },
      onRequest: (request, response) => {
        if (request.url === "/held") held.push(response);
        else response.end("answered");
      },
      onError: (error) => {
        throw error;
      },
      limits: TEST_LISTENER_LIMITS,
    });
    return listener;
  }

  /** A connection with a caller's certificate, if any, and maybe a session of an earlier connection. */
  const connect = (own: Partial<TlsCertificate> & { session?: Buffer; maxVersion?: "TLSv1.2" } = {}) =>
    tls.connect({ port: listener!.port, host: "127.0.0.1", ca: made.root.cert, ALPNProtocols: ["http/1.1"], ...own });

  /** Calls over a connection: an HTTP/1.1 answer, or the code of the error with which the server ends the connection. */
  const call = async (socket: tls.TLSSocket): Promise<string> => {
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    const { promise, resolve } = Promise.withResolvers<string>();
    let answer = "";
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (answer.endsWith("answered") || answer.endsWith("\r\n0\r\n\r\n")) resolve(answer);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(`${error.code}`));
    socket.on("close", () => resolve("closed"));
    return await promise;
  };

  const serialOf = async (socket: tls.TLSSocket) => {
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };

  it("shows new callers the new certificate, and goes on with open streams of both protocols", async () => {
    const { url, renewTls } = await open();
    const session = http2.connect(url, { ca: made.root.cert });
    const stream = session.request({ ":path": "/held" });
    const agent = new https.Agent({ keepAlive: true, ca: made.root.cert, maxSockets: 1 });
    const get = (path: string) =>
      new Promise<string>((resolve, reject) => {
        https.get(`${url}${path}`, { agent }, (response) => resolve(text(response))).on("error", reject);
      });
    const http1 = get("/held");
    const before = await serialOf(connect());
    while (held.length < 2) await new Promise(setImmediate);
    renewTls!({ ...made.renewed });
    expect(await serialOf(connect())).not.to.equal(before);
    for (const response of held) response.end("held");
    expect(await text(stream)).to.equal("held");
    expect(await http1).to.equal("held");
    expect(await text(session.request({ ":path": "/" })), "the connection stays").to.equal("answered");
    expect(await get("/")).to.equal("answered");
    session.close();
    agent.destroy();
  });

  it("keeps what it has when OpenSSL refuses the new files", async () => {
    const { renewTls } = await open();
    const before = await serialOf(connect());
    expect(() => renewTls!({ cert: made.renewed.cert, key: made.server.key })).to.throw(/key values mismatch/);
    expect(await serialOf(connect())).to.equal(before);
  });

  describe("and callers need a certificate", () => {
    it("lets in those that have one of the authority, and nobody else", async () => {
      await open({ clientCa: made.ours.cert });
      expect(await call(connect(made.caller))).to.contain("200 OK");
      expect(await call(connect()), "without a certificate").to.match(REFUSED);
      for (const own of [made.stranger, made.expired, made.root]) expect(await call(connect(own))).to.match(REFUSED);
      expect(await call(connect({ ...made.caller, maxVersion: "TLSv1.2" }))).to.match(REFUSED);
    });

    it("lets nobody in by a session that another authority began", async () => {
      const { renewTls } = await open({ clientCa: made.ours.cert });
      const first = connect(made.caller);
      let session: Buffer | undefined;
      first.on("session", (begun) => {
        session = begun;
      });
      expect(await call(first)).to.contain("200 OK");
      while (session === undefined) await new Promise(setImmediate);
      const resumed = connect({ session });
      expect(await call(resumed), "the session works, without the certificate").to.contain("200 OK");
      expect(resumed.isSessionReused()).to.equal(true);
      renewTls!({ ...made.server, clientCa: made.theirs.cert });
      expect(await call(connect({ session }))).to.match(REFUSED);
      expect(await call(connect({ ...made.caller, session }))).to.match(REFUSED);
      expect(await call(connect(made.stranger))).to.contain("200 OK");
    });

    it("tells connections of both protocols to go when the authority changes, and lets their calls end", async () => {
      const { url, renewTls } = await open({ clientCa: made.ours.cert });
      const session = http2.connect(url, { ca: made.root.cert, ...made.caller });
      const stream = session.request({ ":path": "/held" });
      const socket = connect(made.caller);
      expect(await call(socket))
        .to.contain("200 OK")
        .and.not.to.match(/connection: close/i);
      while (held.length < 1) await new Promise(setImmediate);
      const goAway = once(session, "goaway");
      renewTls!({ ...made.server, clientCa: made.theirs.cert });
      const [code] = await goAway;
      expect(code).to.equal(http2.constants.NGHTTP2_NO_ERROR);
      held[0]?.end("held");
      expect(await text(stream)).to.equal("held");
      if (!session.destroyed) await once(session, "close");
      expect(await call(socket)).to.match(/connection: close/i);
      if (!socket.destroyed) await once(socket, "close");
    });

    it("does not end connections when the certificate alone is renewed", async () => {
      const { renewTls } = await open({ clientCa: made.ours.cert });
      const socket = connect(made.caller);
      await call(socket);
      renewTls!({ ...made.renewed, clientCa: made.ours.cert });
      expect(await call(socket))
        .to.contain("200 OK")
        .and.not.to.match(/connection: close/i);
      socket.destroy();
    });

    it("cuts a handshake that the old authority would judge", async () => {
      const { port, renewTls } = await open({ clientCa: made.ours.cert });
      const socket = net.connect(port, "127.0.0.1");
      socket.resume();
      await once(socket, "connect");
      // The server has accepted the connection once it answers another one.
      await call(connect(made.caller));
      renewTls!({ ...made.server, clientCa: made.theirs.cert });
      if (!socket.closed) await once(socket, "close");
    });
  });
});
