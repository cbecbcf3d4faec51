import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import type { LinkAnswer } from "../commands/links/open-link.ts";
import { DomainError } from "../domain/errors.ts";
import { VisitorLimits } from "../domain/limits/visitor-limits.ts";
import type { LinkVisitor } from "../domain/links/link-repository.ts";
import { createLinkRoute, LINK_VISIT_LIMITS } from "./link-route.ts";

describe("createLinkRoute", () => {
  let server: Server | undefined;
  const visits: [string, LinkVisitor | undefined][] = [];
  const logged: unknown[] = [];

  async function open(given: LinkAnswer | Error, trustedProxies = 0, limits = LINK_VISIT_LIMITS): Promise<string> {
    const route = createLinkRoute(
      async (token, visitor) => {
        visits.push([token, visitor]);
        if (given instanceof Error) throw given;
        return given;
      },
      {
        trustedProxies,
        limits: new VisitorLimits("uses of links", limits),
        log: { error: (fields, message) => logged.push([JSON.stringify(fields), message]) },
        serveOther: (_, response) => void (response as import("node:http").ServerResponse).end("other"),
      },
    );
    server = createServer(route).listen(0, "127.0.0.1");
    await once(server, "listening");
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const get = (url: string, init: RequestInit = {}) =>
    fetch(url, { redirect: "manual", ...init, headers: { connection: "close", ...init.headers } });

  afterEach(() => {
    server?.close();
    visits.length = logged.length = 0;
  });

  it("redirects a GET, which no cache keeps and no site hears of", async () => {
    const answer = await get(`${await open({ kind: "redirect", url: "https://s3.example/signed" })}/l/token?x=1`);
    expect(answer.status).to.equal(302);
    expect(answer.headers.get("location")).to.equal("https://s3.example/signed");
    expect(answer.headers.get("cache-control")).to.equal("no-store");
    expect(visits.map(([token]) => token)).to.deep.equal(["token"]);
    expect(visits[0]?.[1]).to.include({ sourceAddress: "127.0.0.1" });
  });

  it("describes to HEAD, without a visitor and without a URL", async () => {
    const described = { kind: "described" as const, contentType: "text/plain", sizeBytes: 5 };
    const url = await open({ ...described, contentDisposition: 'attachment; filename="a"' });
    const answer = await get(`${url}/l/token`, { method: "HEAD" });
    expect([answer.status, answer.headers.get("location")]).to.deep.equal([200, null]);
    expect(answer.headers.get("content-length")).to.equal("5");
    expect(visits).to.deep.equal([["token", undefined]]);
  });

  it("says the same of a link that has ended as of none, but for the status", async () => {
    const ended = await get(`${await open({ kind: "ended" })}/l/token`);
    server?.close();
    const nothing = await get(`${await open({ kind: "nothing" })}/l/`);
    expect([ended.status, nothing.status]).to.deep.equal([410, 404]);
    const page = await ended.text();
    expect(page)
      .to.equal(await nothing.text())
      .and.not.include("token");
  });

  it("refuses other methods, and leaves other paths alone", async () => {
    const url = await open({ kind: "nothing" });
    const posted = await get(`${url}/l/token`, { method: "POST" });
    expect([posted.status, posted.headers.get("allow")]).to.deep.equal([405, "GET, HEAD"]);
    expect(await (await get(`${url}/list`)).text()).to.equal("other");
    expect(visits).to.deep.equal([]);
  });

  it("says when to come back while the database is away, and logs a defect without the token", async () => {
    const away = new DomainError("unavailable", "away", { reason: "DATABASE_UNAVAILABLE", retryAfterMs: 1500 });
    const answer = await get(`${await open(away)}/l/secret-token`);
    expect([answer.status, answer.headers.get("retry-after")]).to.deep.equal([503, "2"]);
    server?.close();
    const broken = await get(`${await open(new TypeError("a defect"))}/l/secret-token`);
    expect(broken.status).to.equal(500);
    expect(await broken.text()).to.not.include("defect");
    expect(logged).to.have.length(1);
    expect(JSON.stringify(logged)).to.not.include("secret-token");
  });

  it("refuses whoever comes too often, by HEAD as by GET, asks nothing for it and logs nothing", async () => {
    const limits = { ...LINK_VISIT_LIMITS, rate: { intervalMs: 60_000, burstMax: 1, callersMax: 10 } };
    const url = await open({ kind: "nothing" }, 0, limits);
    await get(`${url}/l/token`);
    const refused = [await get(`${url}/l/token`), await get(`${url}/l/token`, { method: "HEAD" })];
    expect(refused.map(({ status }) => status)).to.deep.equal([429, 429]);
    expect(Number(refused[0]?.headers.get("retry-after"))).to.be.within(1, 60);
    expect([visits.length, logged]).to.deep.equal([1, []]);
  });

  for (const [trusted, forwarded, expected] of [
    [0, "203.0.113.9", "127.0.0.1"],
    [1, "203.0.113.9", "203.0.113.9"],
    [1, "forged, 203.0.113.9", "203.0.113.9"],
    [2, "forged, 203.0.113.9, 10.0.0.1", "203.0.113.9"],
    [2, "203.0.113.9", "203.0.113.9"],
    [1, "2001:db8::1", "2001:db8::1"],
    [1, "'; DROP TABLE link_use", "127.0.0.1"],
    [1, undefined, "127.0.0.1"],
  ] as const) {
    it(`takes ${expected} for the source of "${forwarded}" behind ${trusted} proxies`, async () => {
      const url = await open({ kind: "nothing" }, trusted);
      await get(`${url}/l/token`, { headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded } });
      expect(visits[0]?.[1]?.sourceAddress).to.equal(expected);
    });
  }
});
