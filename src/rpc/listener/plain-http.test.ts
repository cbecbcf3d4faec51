import http from "node:http";
import { expect } from "chai";
import { API_TOKEN, type ApiServer, openApiServer, VISIBLE_NAMESPACE } from "../../testing/rigs/service/api-server.ts";

describe("plain HTTP", () => {
  let server: ApiServer;

  async function open(corsOrigins: string[] = []) {
    server = await openApiServer({}, { corsOrigins });
    return server;
  }

  afterEach(async () => {
    await server.close({ graceMs: 0 });
  });

  it("is live and ready, without a token", async () => {
    const { url } = await open();
    for (const [path, status] of [
      ["/livez", "live"],
      ["/readyz?verbose", "ready"],
    ] as const) {
      const response = await fetch(url + path);
      expect([response.status, await response.json()]).to.deep.equal([200, { status }]);
      expect(response.headers.get("cache-control")).to.equal("no-store");
    }
  });

  it("says what is not ready, why to callers with a token alone, and stays live", async () => {
    const { url, readiness } = await open();
    readiness.report("database", "does not answer");
    for (const [authorization, told] of [
      [undefined, {}],
      ["Bearer of-another-service", {}],
      [`Bearer ${API_TOKEN}`, { problem: "does not answer" }],
    ] as const) {
      const response = await fetch(`${url}/readyz`, authorization === undefined ? {} : { headers: { authorization } });
      expect(response.status).to.equal(503);
      expect(await response.json()).to.deep.equal({
        status: "not ready",
        problems: [{ component: "database", since: "2026-01-01T00:00:00.000Z", ...told }],
      });
    }
    expect((await fetch(`${url}/livez`)).status).to.equal(200);
    const head = await fetch(`${url}/readyz`, { method: "HEAD" });
    expect([head.status, await head.text()]).to.deep.equal([503, ""]);
  });

  it("says what degrades it, since when and of which namespaces, and stays ready", async () => {
    const { url, readiness } = await open();
    readiness.degrade("storage", "is away", { namespaces: ["hidden", VISIBLE_NAMESPACE] });
    for (const [headers, told] of [
      [{}, {}],
      [{ authorization: `Bearer ${API_TOKEN}` }, { problem: "is away", namespaces: [VISIBLE_NAMESPACE] }],
    ] as const) {
      const response = await fetch(`${url}/readyz`, { headers });
      expect(response.status).to.equal(200);
      const problems = [{ component: "storage", since: "2026-01-01T00:00:00.000Z", ...told }];
      expect(await response.json()).to.deep.equal({ status: "degraded", problems });
    }
    readiness.degrade("storage", undefined);
    expect(await (await fetch(`${url}/readyz`)).json()).to.deep.equal({ status: "ready" });
  });

  it("answers other paths with 404 and a sentence", async () => {
    const { url } = await open();
    for (const path of ["/", "/sluice.v1.FileQueryService/Nope?x=1"]) {
      const response = await fetch(url + path, { method: "POST" });
      expect(response.status).to.equal(404);
      const { code, message } = (await response.json()) as { code: string; message: string };
      expect(code).to.equal("not_found");
      expect(message).to.contain(`POST ${path.split("?")[0]}`);
    }
  });

  it("refuses a method that is not a call, and a request without a host", async () => {
    const { url } = await open();
    expect((await fetch(`${url}/sluice.v1.FileQueryService/GetFile`)).status).to.equal(405);
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const request = http.request(`${url}/sluice.v1.FileQueryService/GetFile`, { method: "POST", setHost: false });
    request
      .on("response", (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
    expect(await promise).to.equal(400);
  });

  describe("from a browser", () => {
    const call = (url: string, method: string, headers: Record<string, string>) =>
      fetch(`${url}/sluice.v1.FileQueryService/GetFile`, { method, headers });
    const preflight = { origin: "https://a.example", "access-control-request-method": "POST" };

    it("answers the preflight of an allowed origin", async () => {
      const { url } = await open(["https://a.example"]);
      const { status, headers } = await call(url, "OPTIONS", preflight);
      expect(status).to.equal(204);
      expect(headers.get("access-control-allow-origin")).to.equal("https://a.example");
      expect(headers.get("access-control-allow-headers")?.toLowerCase()).to.contain("authorization");
      expect(headers.get("access-control-allow-methods")).to.contain("POST");
      expect(headers.get("vary")).to.equal("Origin");
    });

    it("lets scripts of an allowed origin see the answer, errors included", async () => {
      const { url } = await open(["*"]);
      const { status, headers } = await call(url, "POST", {
        origin: "https://b.example",
        "content-type": "application/json",
      });
      expect(status).to.equal(401);
      expect(headers.get("access-control-allow-origin")).to.equal("https://b.example");
      expect(headers.get("access-control-expose-headers")?.toLowerCase()).to.contain("grpc-status");
    });

    it("gives other origins nothing, and none anything by default", async () => {
      const { url, close } = await open(["https://b.example"]);
      const other = await call(url, "OPTIONS", preflight);
      expect([other.status, other.headers.get("access-control-allow-origin")]).to.deep.equal([405, null]);
      expect(other.headers.get("vary")).to.equal("Origin");
      await close({ graceMs: 0 });
      const none = await call((await open()).url, "POST", { origin: "https://b.example" });
      expect(none.headers.get("access-control-allow-origin")).to.equal(null);
    });

    it("takes OPTIONS that is no preflight for a call", async () => {
      const { url } = await open(["https://a.example"]);
      expect((await call(url, "OPTIONS", { origin: "https://a.example" })).status).to.equal(405);
    });
  });
});
