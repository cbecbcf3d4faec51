import { expect } from "chai";
import type { File } from "../../domain/files/file.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { FakeLinkRepository } from "../../testing/fakes/fake-link-repository.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type CreateLinkRequest, createLink, hashLinkToken } from "./create-link.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const DAY_MS = 86_400_000;
const REQUEST: CreateLinkRequest = {
  requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b",
  namespace: "default",
  path: "reports/2026/über.pdf",
  lifetimeMs: undefined,
  expireTime: undefined,
  maxUses: 0,
  downloadName: "",
  inline: false,
  note: "",
};

describe("createLink", () => {
  function creating(file: File = sampleFile()) {
    const files = { get: async () => file };
    const links = new FakeLinkRepository(files, () => NOW.getTime());
    const deps = {
      files,
      links,
      namespaces: sampleNamespaces(),
      regions: new BucketRegions(),
      publicUrl: "https://files.example",
    };
    const call = (request: Partial<CreateLinkRequest> = {}) =>
      createLink(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });
    return { call, links };
  }
  const tokenOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);
  const peek = (links: FakeLinkRepository, token: string) => links.peek(hashLinkToken(token));

  it("makes a URL with 256 random bits, for a day and any number of uses", async () => {
    const { call, links } = creating();
    const { link, url } = await call();
    expect(url).to.match(/^https:\/\/files\.example\/l\/[A-Za-z0-9_-]{43}$/);
    expect(link).to.deep.include({ path: REQUEST.path, generation: undefined, principal: SAMPLE_CALLER.principal });
    expect(link).to.deep.include({
      maxUses: 0,
      uses: 0,
      state: "active",
      expireTime: new Date(NOW.getTime() + DAY_MS),
    });
    expect(JSON.stringify(link)).to.not.include(tokenOf(url));
    expect(await peek(links, tokenOf(url))).to.include({ kind: "file" });
    const { url: other } = await call({ requestId: "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6c" });
    expect(tokenOf(other)).to.not.equal(tokenOf(url));
  });

  it("is opened by no other text than its token, though several decode to the same bytes", async () => {
    const { call, links } = creating();
    const token = tokenOf((await call()).url);
    const last = token.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const sameBytes = token.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
    expect(Buffer.from(sameBytes, "base64url")).to.deep.equal(Buffer.from(token, "base64url"));
    const swapped = token.replaceAll(/[a-z]/gi, (c) => (c < "a" ? c.toLowerCase() : c.toUpperCase()));
    for (const forged of [sameBytes, swapped, `${token}=`, token.slice(0, -1), ""]) {
      expect(await peek(links, forged), forged).to.deep.equal({ kind: "nothing" });
    }
  });

  it("takes everything from the request", async () => {
    const { call } = creating();
    const wanted = { maxUses: 1_000_000, downloadName: "r.pdf", inline: true, note: "for 'Bob'; DROP TABLE link" };
    const { link } = await call({ ...wanted, generation: 3, expireTime: new Date(NOW.getTime() + 7 * DAY_MS) });
    expect(link).to.deep.include({ ...wanted, generation: 3, expireTime: new Date(NOW.getTime() + 7 * DAY_MS) });
    const shortest = await creating().call({ lifetimeMs: 1000 });
    expect(shortest.link.expireTime).to.deep.equal(new Date(NOW.getTime() + 1000));
  });

  it("answers a repetition with the same link and a URL that works", async () => {
    const { call, links } = creating();
    const [first, second] = [await call(), await call()];
    expect(second.link.linkId).to.equal(first.link.linkId);
    expect(await peek(links, tokenOf(first.url))).to.deep.equal({ kind: "nothing" });
    const visitor = { sourceAddress: "", userAgent: "" };
    await links.use(hashLinkToken(tokenOf(second.url)), visitor);
    expect(await call()).to.deep.include({ url: "" });
    expect(await catchError(() => call({ maxUses: 1 }))).to.include({ reason: "REQUEST_ID_REUSED" });
  });

  it("links to no deleted file", async () => {
    const { call } = creating(sampleFile({ deleteTime: NOW }));
    expect(await catchError(() => call({ generation: 3 }))).to.include({ reason: "FILE_NOT_FOUND" });
  });

  it("says both the lifetime asked for and the namespace's bound", async () => {
    const error = await catchError(() => creating().call({ lifetimeMs: 7 * DAY_MS + 1000 }));
    expect(error).to.have.property(
      "message",
      "lifetime is 604801 s; a link of namespace default may live from 1 s to 604800 s",
    );
    expect(error).to.deep.include({ details: { lifetime_ms: 604_801_000, lifetime_ms_max: 604_800_000 } });
  });

  for (const [what, request, field] of [
    ["a lifetime of 0", { lifetimeMs: 0 }, "lifetime"],
    ["a negative lifetime", { lifetimeMs: -1000 }, "lifetime"],
    ["a time in the past", { expireTime: new Date(NOW.getTime() - 1) }, "expire_time"],
    ["a time beyond the bound", { expireTime: new Date(NOW.getTime() + 7 * DAY_MS + 1) }, "expire_time"],
    ["a time that is none", { expireTime: new Date(Number.NaN) }, "expire_time"],
    ["-1 uses", { maxUses: -1 }, "max_uses"],
    ["1,000,001 uses", { maxUses: 1_000_001 }, "max_uses"],
    ["a name with a line break", { downloadName: "a\r\nSet-Cookie: b" }, "download_name"],
    ["a name of 256 bytes", { downloadName: "ü".repeat(128) }, "download_name"],
    ["a note of 1,025 bytes", { note: "n".repeat(1025) }, "note"],
    ["a note with NUL", { note: "\0" }, "note"],
    ["a note that would move the cursor", { note: "\u001b[2J" }, "note"],
    ["a note with a lone surrogate", { note: "\ud800" }, "note"],
    ["generation 0", { generation: 0 }, "generation"],
    ["no request id", { requestId: "" }, "request_id"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      expect(await catchError(() => creating().call(request))).to.include({ code: "invalid_argument", field });
    });
  }
});
