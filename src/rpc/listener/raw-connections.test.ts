import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { expect } from "chai";
import { type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { createTlsCertificate, type TlsCertificate } from "../../testing/rigs/tls-certificate.ts";

const CALL = "POST /sluice.v1.FileQueryService/GetFile HTTP/1.1\r\n";
const JSON_BODY = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const UPGRADE = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: upgrade";

/** First bytes of a caller, and how the answer begins; there is none when the connection is just closed. */
const CASES: Readonly<Record<string, readonly [bytes: string | Buffer, answer: RegExp]>> = {
  "bytes that are no HTTP": ["\x00\x01\x02\xff\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a TLS hello where none is expected": [Buffer.from("16030100050100000100", "hex"), /^HTTP\/1\.1 400 /],
  "a header without a colon": ["GET /livez HTTP/1.1\r\nhost x\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a header with a NUL": ["GET /livez HTTP/1.1\r\nhost: x\r\na\x00: b\r\n\r\n", /^HTTP\/1\.1 400 /],
  "a method that does not exist": ["FROB / HTTP/1.1\r\nhost: x\r\n\r\n", /^HTTP\/1\.1 400 /],
  "an upgrade to WebSocket": [`${UPGRADE}\r\nupgrade: websocket\r\n\r\n`, /^HTTP\/1\.1 200 /],
  "an upgrade to h2c": [
    `${UPGRADE}, HTTP2-Settings\r\nupgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    /^HTTP\/1\.1 200 /,
  ],
  "a CONNECT": ["CONNECT example.org:443 HTTP/1.1\r\nhost: x\r\n\r\n", /^$/],
  "an expectation that nobody can meet": [`${CALL}host: x\r\nexpect: tea\r\n${JSON_BODY}`, /^HTTP\/1\.1 417 /],
  "a host that is none": [`${CALL}host: [::\r\n${JSON_BODY}`, /^HTTP\/1\.1 400 /],
  "two hosts": ["GET /livez HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", /^HTTP\/1\.1 400 /],
  "the same host twice": [`${CALL}host: a\r\nhost: a\r\n${JSON_BODY}`, /^HTTP\/1\.1 400 /],
  "a target that is no URL": [`GET http://[bad HTTP/1.1\r\nhost: x\r\n\r\n`, /^HTTP\/1\.1 404 /],
  "half a body": [`${CALL}host: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`, /^HTTP\/1\.1 401 /],
  "a chunk without a length": [
    `${CALL}host: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    /^HTTP\/1\.1 40[01] /,
  ],
  "gRPC over HTTP/1.1": [
    "POST /sluice.v1.UploadService/WriteUpload HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\n" +
      "transfer-encoding: chunked\r\n\r\n5\r\n\0\0\0\0\0\r\n",
    /^HTTP\/1\.1 505 /,
  ],
  "garbage behind a good request": ["GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGARBAGE\r\n\r\n", /^HTTP\/1\.1 200 /],
  "garbage behind the preface of HTTP/2": ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", /^(?!HTTP)/],
};

const LEAVES = ["waits", "closes its half", "resets once answered", "resets at once"] as const;

/** TLS has no reset of its own: its socket is torn down without a message. */
function reset(socket: net.Socket): void {
  if (socket instanceof tls.TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

describe("listen, to callers that speak badly", () => {
  let certificate: TlsCertificate | undefined;
  let server: ApiServer;

  before(async () => {
    certificate = await createTlsCertificate();
  });

  afterEach(async () => {
    await server?.close({ graceMs: 0 });
  });

  /** Sends `bytes` and leaves. Resolves to the answer when the connection, or its first answer, has ended. */
  async function say(socket: net.Socket, bytes: string | Buffer, leave: (typeof LEAVES)[number]): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    let answer = "";
    socket.on("data", (piece: Buffer) => {
      answer += piece.toString("latin1");
      if (leave === "resets once answered") reset(socket);
      else if (answer.includes("\r\n\r\n")) socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
    socket.write(bytes, () => {
      if (leave === "closes its half") socket.end();
      if (leave === "resets at once") reset(socket);
    });
    return await promise;
  }

  it("answers a call over HTTP/2 that names no host", async () => {
    server = await openApiServer();
    const session = http2.connect(server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": "/sluice.v1.FileQueryService/GetFile",
      ":authority": "[::",
    });
    const [headers] = await once(stream.end(), "response");
    expect(headers[":status"]).to.equal(400);
    session.destroy();
    expect(server.defects).to.deep.equal([]);
  });

  it("refuses a call over HTTP/2 whose Host is another than its :authority", async () => {
    server = await openApiServer();
    const session = http2.connect(server.url);
    const statusOf = async (host: string) => {
      const [headers] = await once(session.request({ ":path": "/livez", ":authority": "a", host }).end(), "response");
      return headers[":status"];
    };
    expect([await statusOf("b"), await statusOf("a")]).to.deep.equal([400, 200]);
    session.destroy();
  });

  for (const leave of LEAVES) {
    it(`outlives and answers each of them, who then ${leave}`, async () => {
      server = await openApiServer();
      for (const [name, [bytes, expected]] of Object.entries(CASES)) {
        const socket = net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
        socket.on("end", () => socket.end());
        const answer = await say(socket, bytes, leave);
        if (leave !== "resets at once") expect(answer, name).to.match(expected);
      }
      expect((await fetch(`${server.url}/livez`)).status).to.equal(200);
      expect(server.defects, "what a stranger can have logged").to.deep.equal([]);
    });

    it(`outlives each of them over TLS, who then ${leave}`, async function () {
      if (certificate === undefined) return this.skip();
      server = await openApiServer({}, { tls: certificate });
      const { port } = server;
      for (const ALPNProtocols of [["http/1.1"], ["h2"], undefined]) {
        for (const [bytes] of Object.values(CASES)) {
          const host = "127.0.0.1";
          const socket = tls.connect({ port, host, ca: certificate.cert, ...(ALPNProtocols && { ALPNProtocols }) });
          socket.setTimeout(200, () => socket.destroy());
          await say(socket, bytes, leave);
        }
      }
      const socket = tls.connect({ port, host: "127.0.0.1", ca: certificate.cert, ALPNProtocols: ["http/1.1"] });
      expect(await say(socket, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", "waits")).to.match(/^HTTP\/1\.1 200 /);
      expect(server.defects, "what a stranger can have logged").to.deep.equal([]);
    });
  }
});
