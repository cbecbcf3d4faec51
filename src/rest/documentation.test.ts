import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { expect } from "chai";
import { type ApiServer, openApiServer } from "../testing/rigs/service/api-server.ts";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { until } from "../testing/rigs/until.ts";

/** What the page's script adds to in the document. */
interface Spec {
  components: { securitySchemes: Record<string, { openIdConnectUrl: string }> };
  security: unknown;
}

describe("the documentation", () => {
  let server: ApiServer;
  before(async () => {
    server = await openApiServer();
  });
  after(() => server.close({ graceMs: 0 }));

  it("has the committed OpenAPI document, without a token", async () => {
    const committed = readFileSync(new URL("../../gen/openapi.json", import.meta.url), "utf8");
    const { status, headers, body } = await callRest(`${server.url}/openapi.json`);
    expect([status, headers.get("content-type")]).to.deep.equal([200, "application/json"]);
    expect(body).to.deep.equal(JSON.parse(committed));
  });

  it("answers 304 to who has the document, and its headers alone to HEAD", async () => {
    const { headers } = await callRest(`${server.url}/openapi.json`, { method: "HEAD" });
    expect(headers.get("cache-control")).to.equal("public, no-cache");
    expect(Number(headers.get("content-length"))).to.be.greaterThan(50_000);
    const again = await callRest(`${server.url}/openapi.json`, {
      headers: { "if-none-match": headers.get("etag") ?? "" },
    });
    expect([again.status, again.body]).to.deep.equal([304, ""]);
  });

  it("shows it on a page that loads nothing from elsewhere and runs no inline script", async () => {
    const { headers, body } = await callRest(`${server.url}/docs`);
    const policy = headers.get("content-security-policy");
    expect(policy).to.contain("default-src 'none'").and.to.contain("script-src 'self'; style-src 'self';");
    expect(policy).not.to.contain("unsafe");
    const sources = (policy ?? "").split(";").flatMap((directive) => directive.trim().split(" ").slice(1));
    for (const source of sources) expect(source, "no other origin").to.be.oneOf(["'none'", "'self'", "data:"]);
    const links = [...body.matchAll(/(?:src|href)="([^"]+)"/g)]
      .map(([, link]) => link)
      .filter((link) => link !== "data:,");
    expect(links).to.have.lengthOf(4);
    for (const link of links) {
      const found = await callRest(new URL(link, `${server.url}/docs`).href);
      expect(new URL(link, `${server.url}/docs`).origin, link).to.equal(server.url);
      expect(found.status, link).to.equal(200);
      expect(String(found.body), "styles load nothing from elsewhere").not.to.match(/@import|url\(["']?(https?:)?\/\//);
      expect(found.headers.get("x-content-type-options")).to.equal("nosniff");
    }
    expect(body).not.to.match(/<script>|<style|\son\w+=/);
  });

  it("starts Swagger UI on the document, with no validator elsewhere", async () => {
    const { headers, body } = await callRest(`${server.url}/docs/start.js`);
    expect(headers.get("content-type")).to.equal("text/javascript; charset=utf-8");
    expect(body).to.contain('read("openapi.json")').and.to.contain("validatorUrl: null");
    const bundle = await callRest(`${server.url}/docs/swagger-ui-bundle.js`);
    expect(bundle.body).to.contain("SwaggerUIBundle");
  });

  describe("with issuers by which people sign in", () => {
    const issuer = { alias: "corp", issuer: "https://id.example.org/", clientId: "docs", scopes: ["openid"] };
    const signInIssuers = [{ ...issuer, audience: "sluice", origins: ["https://tokens.example.org"] }];
    let open: ApiServer;
    before(async () => {
      open = await openApiServer({}, { signInIssuers });
    });
    after(() => open.close({ graceMs: 0 }));

    it("names them, and lets the page ask them alone for tokens", async () => {
      expect((await callRest(`${open.url}/docs/sign-in.json`)).body).to.deep.equal({ issuers: signInIssuers });
      const { headers } = await callRest(`${open.url}/docs`);
      expect(headers.get("content-security-policy")).to.contain(
        "connect-src 'self' https://id.example.org https://tokens.example.org; base-uri 'none'",
      );
    });

    it("offers each of them on the page, by the code flow with PKCE", async () => {
      const pages: Record<string, unknown>[] = [];
      const flows: unknown[] = [];
      const context = {
        URL,
        location: { href: `${open.url}/docs` },
        fetch: (path: string) => fetch(new URL(path, `${open.url}/docs`), { headers: { connection: "close" } }),
        SwaggerUIBundle: (page: Record<string, unknown>) => {
          pages.push(page);
          return { initOAuth: (flow: unknown) => flows.push(flow) };
        },
      };
      runInNewContext((await callRest(`${open.url}/docs/start.js`)).body, context);
      await until("the page has begun", () => flows.length > 0);
      const [{ spec, oauth2RedirectUrl } = {}] = pages as { spec?: Spec; oauth2RedirectUrl?: string }[];
      expect(spec?.components.securitySchemes.corp?.openIdConnectUrl).to.equal(
        "https://id.example.org/.well-known/openid-configuration",
      );
      expect(spec?.security).to.deep.equal([{ bearer: [] }, { corp: [] }]);
      expect(flows[0]).to.deep.include({ clientId: "docs", usePkceWithAuthorizationCodeGrant: true });
      const back = await callRest(oauth2RedirectUrl ?? "");
      expect([back.status, back.body]).to.deep.equal([200, back.body]);
      expect(back.body)
        .to.contain('src="oauth2-redirect.js"')
        .and.not.to.match(/<script>/);
      expect((await callRest(`${open.url}/docs/oauth2-redirect.js`)).status).to.equal(200);
    });
  });

  it("refuses other methods with what is allowed", async () => {
    const refused = await callRest(`${server.url}/docs`, { method: "POST", json: {} });
    expect([refused.status, refused.body.reason]).to.deep.equal([405, "METHOD_NOT_ALLOWED"]);
    expect(refused.headers.get("allow")).to.equal("GET, HEAD, OPTIONS");
    expect((await callRest(`${server.url}/docs`, { method: "OPTIONS" })).status).to.equal(204);
  });

  it("leaves other paths to be 404, those that climb out of it, too", async () => {
    for (const path of ["/docs/", "/docs/package.json", "/docs/..%2fpackage.json", "/openapi.yaml", "/doc"]) {
      expect((await callRest(`${server.url}${path}`)).status, path).to.equal(404);
    }
    expect(server.defects).to.deep.equal([]);
  });
});
