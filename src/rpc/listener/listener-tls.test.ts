import { once } from "node:events";
import type http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { text } from "node:stream/consumers";
import tls from "node:tls";
import { expect } from "chai";
import { answerVersion, TEST_LISTENER_LIMITS } from "../../testing/rigs/service/test-listener.ts";
import { createTlsCertificate, type TlsCertificate } from "../../testing/rigs/tls-certificate.ts";
import { type Listener, listen } from "./listener.ts";
import type { ListenerLimits } from "./listener-limits.ts";

describe("listen with a certificate", () => {
  let listener: Listener | undefined;

  async function open(options: { tls: TlsCertificate; limits?: Partial<ListenerLimits> }): Promise<Listener> {
    listener = await listen({
      host: "127.0.0.1",
      port: 0,
      tls: options.tls,
      onRequest: answerVersion,
      onError: (error) => {
        throw error;
      },
      limits: { ...TEST_LISTENER_LIMITS, ...options.limits },
    });
    return listener;
  }

  afterEach(async () => {
    await listener?.close({ graceMs: 0 });
    listener = undefined;
  });

  let certificate: TlsCertificate | undefined;
  before(async function () {
    certificate = await createTlsCertificate();
    if (certificate === undefined) this.skip();
  });

  it("serves HTTP/2 and HTTP/1.1 by ALPN over TLS 1.3", async () => {
    const { url } = await open({ tls: certificate! });
    expect(url).to.match(/^https:/);
    const session = http2.connect(url, { ca: certificate!.cert });
    const { version } = JSON.parse(await request(session, { ":path": "/" }));
    expect(version).to.equal("2.0");
    expect((session.socket as tls.TLSSocket).getProtocol()).to.equal("TLSv1.3");
    expect(session.state.remoteWindowSize).to.equal(TEST_LISTENER_LIMITS.sessionWindowBytes);
    session.close();
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      https.get(url, { ca: certificate!.cert, agent: false }, resolve).on("error", reject);
    });
    expect(JSON.parse(await text(response))).to.deep.equal({ version: "1.1" });
  });

  it("refuses TLS 1.2", async () => {
    const { port } = await open({ tls: certificate! });
    const socket = tls.connect({ port, host: "127.0.0.1", ca: certificate!.cert, maxVersion: "TLSv1.2" });
    const [error] = (await once(socket, "error").catch((failure) => [failure])) as [NodeJS.ErrnoException];
    expect(error.code).to.match(/PROTOCOL_VERSION|ECONNRESET/);
  });

  it("closes without waiting for idle connections of either protocol", async () => {
    const { url, close } = await open({ tls: certificate! });
    const agent = new https.Agent({ keepAlive: true, ca: certificate!.cert });
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      https.get(url, { agent }, resolve).on("error", reject);
    });
    await text(response);
    const session = http2.connect(url, { ca: certificate!.cert });
    await request(session, { ":path": "/" });
    await close({ graceMs: 60_000 });
    if (!session.closed) await once(session, "close");
    agent.destroy();
  });

  it("ends a handshake that does not begin", async () => {
    const { port } = await open({ tls: certificate!, limits: { handshakeTimeoutMs: 50 } });
    const socket = net.connect(port, "127.0.0.1");
    socket.resume();
    await once(socket, "close");
  });
});

function request(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders): Promise<string> {
  return text(session.request(headers).end());
}
