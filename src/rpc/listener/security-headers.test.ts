import { connect } from "node:net";
import { expect } from "chai";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { callRest } from "../../testing/rigs/service/rest-client.ts";
import { createTlsCertificate } from "../../testing/rigs/tls-certificate.ts";

describe("the headers of every answer", () => {
  let server: ApiServer;
  before(async () => {
    server = await openApiServer();
  });
  after(() => server.close({ graceMs: 0 }));

  const PATHS = [
    "/livez",
    "/readyz",
    "/docs",
    "/docs/start.js",
    "/openapi.json",
    "/v1/namespaces/a/files/b",
    "/v1/x",
    "/x",
  ];
  for (const path of [...PATHS, "/sluice.v1.FileQueryService/GetFile"]) {
    it(`guard browsers at ${path}`, async () => {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const { headers } = await callRest(server.url + path, { method });
        expect(headers.get("x-content-type-options"), method).to.equal("nosniff");
        expect(headers.get("x-frame-options"), method).to.equal("DENY");
        expect(headers.get("referrer-policy"), method).to.equal("no-referrer");
        expect(headers.get("content-security-policy"), method)
          .to.contain("default-src 'none'")
          .and.contain("frame-ancestors 'none'");
        expect(headers.get("strict-transport-security"), method).to.equal(null);
      }
    });
  }

  it("tell browsers under TLS to come back by TLS alone", async function () {
    const tls = await createTlsCertificate();
    if (tls === undefined) return this.skip();
    const secure = await openApiServer({}, { tls });
    const { request } = await import("node:https");
    const headers = await new Promise<NodeJS.Dict<string | string[]>>((resolve, reject) => {
      const sent = request(`${secure.url}/livez`, { ca: tls.cert }, (answer) => resolve(answer.resume().headers));
      sent.on("error", reject).end();
    });
    expect(headers["strict-transport-security"]).to.equal("max-age=63072000");
    await secure.close({ graceMs: 0 });
  });
});

describe("a call with two authorization headers", () => {
  let server: ApiServer;
  before(async () => {
    server = await openApiServer();
  });
  after(() => server.close({ graceMs: 0 }));

  const send = (headers: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, "127.0.0.1");
      let text = "";
      socket
        .on("data", (bytes) => (text += bytes))
        .on("end", () => resolve(text))
        .on("error", reject);
      socket.write(`GET /v1/namespaces/default/files HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`);
    });

  it("is refused, whichever of them is right", async () => {
    const right = `authorization: Bearer ${API_TOKEN}\r\n`;
    for (const headers of [
      `${right}Authorization: Bearer wrong\r\n`,
      `authorization: Bearer wrong\r\n${right}`,
      right + right,
    ]) {
      const answer = await send(headers);
      expect(answer).to.match(/^HTTP\/1\.1 401 /);
      expect(answer).to.contain("TOKEN_INVALID").and.contain("sent once").and.not.contain(API_TOKEN);
    }
    expect(await send(right)).not.to.match(/^HTTP\/1\.1 401 /);
  });
});
