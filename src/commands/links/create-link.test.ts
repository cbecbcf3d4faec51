import { createHash } from "node:crypto";
import { expect } from "chai";
import type { CommandIdentity } from "../../domain/command-identity.ts";
import type { File } from "../../domain/files/file.ts";
import type { Link } from "../../domain/links/link.ts";
import type { NewLink } from "../../domain/links/link-repository.ts";
import { BucketRegions } from "../../domain/residency.ts";
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
  /** `isTokenSet`: what the repository says of the token that it is given. */
  function creating(file: File = sampleFile(), isTokenSet = true) {
    const made: { link: NewLink; identity: CommandIdentity }[] = [];
    const create = async (link: NewLink, identity: CommandIdentity) => {
      made.push({ link, identity });
      return { link: { linkId: link.linkId } as Link, isTokenSet };
    };
    const deps = {
      files: { get: async () => file },
      links: { create, now: async () => NOW },
      namespaces: sampleNamespaces(),
      regions: new BucketRegions(),
      publicUrl: "https://files.example",
    };
    const call = (request: Partial<CreateLinkRequest> = {}) =>
      createLink(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });
    const make = async (request: Partial<CreateLinkRequest> = {}) => {
      const { link, url } = await call(request);
      return { ...made.at(-1)!, answered: link, token: url.slice(url.lastIndexOf("/") + 1), url };
    };
    return { call, make };
  }

  it("makes a URL with 256 random bits, for a day and any number of uses", async () => {
    const { make } = creating();
    const { link, answered, url, token } = await make();
    expect(url).to.match(/^https:\/\/files\.example\/l\/[A-Za-z0-9_-]{43}$/);
    const { path, fileId } = sampleFile();
    const described = { path, fileId, generation: undefined, maxUses: 0, expiry: { afterMs: DAY_MS } };
    expect(link).to.deep.include({ ...described, principal: SAMPLE_CALLER.principal });
    expect(answered.linkId).to.equal(link.linkId);
    expect(Buffer.from(link.tokenSha256)).to.deep.equal(createHash("sha256").update(token).digest());
    expect((await make()).token).to.not.equal(token);
  });

  it("makes none to a file that lies in a region that is not allowed any more", async () => {
    const { call } = creating(sampleFile({ bucket: "former", region: "us-east-1" }));
    expect(await catchError(() => call())).to.include({ reason: "RESIDENCY_VIOLATION" });
  });

  it("is opened by no other text than its token, though several decode to the same bytes", async () => {
    const { token } = await creating().make();
    const last = token.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const sameBytes = token.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
    expect(Buffer.from(sameBytes, "base64url")).to.deep.equal(Buffer.from(token, "base64url"));
    expect(hashLinkToken(sameBytes)).to.not.deep.equal(hashLinkToken(token));
  });

  it("takes everything from the request", async () => {
    const { make } = creating();
    const wanted = { maxUses: 1_000_000, downloadName: "r.pdf", inline: true, note: "for 'Bob'; DROP TABLE link" };
    const at = new Date(NOW.getTime() + 7 * DAY_MS);
    const { link } = await make({ ...wanted, generation: 3, expireTime: at });
    expect(link).to.deep.include({ ...wanted, generation: 3, expiry: { at } });
    expect((await make({ lifetimeMs: 1000 })).link.expiry).to.deep.equal({ afterMs: 1000 });
  });

  it("is the same command when it is repeated, and gives no URL where the link keeps an earlier token", async () => {
    const { make } = creating(sampleFile(), false);
    const [first, again, other] = [await make(), await make(), await make({ maxUses: 1 })];
    expect(first.url).to.equal("");
    expect(again.identity).to.deep.equal(first.identity);
    expect(first.identity).to.include({ method: "CreateLink", requestId: REQUEST.requestId });
    expect(other.identity.contentSha256).to.not.deep.equal(first.identity.contentSha256);
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
