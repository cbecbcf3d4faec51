import { expect } from "chai";
import type { File } from "../../domain/files/file.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import { BucketRegions } from "../../domain/residency.ts";
import { catchError, SAMPLE_CALLER, sampleFile, sampleNamespaces } from "../../testing/samples/sample-records.ts";
import { type CreateDownloadUrlRequest, createDownloadUrl, toContentDisposition } from "./create-download-url.ts";

const REQUEST: CreateDownloadUrlRequest = {
  namespace: "default",
  path: "a",
  downloadName: "",
  inline: false,
  contentType: "",
};
const NOW = new Date("2026-01-02T03:04:05.678Z");

describe("createDownloadUrl", () => {
  function signing(file: File = sampleFile()) {
    const signed: Parameters<ObjectStore["presignDownload"]>[] = [];
    const deps = {
      files: { get: async () => file },
      objects: {
        presignDownload: async (...call: Parameters<ObjectStore["presignDownload"]>) => {
          signed.push(call);
          return "https://s3.example/signed";
        },
      },
      namespaces: sampleNamespaces({ downloadUrlLifetimeMaxMs: 600_000 }),
      regions: new BucketRegions(),
      now: () => NOW,
    };
    const call = (request: Partial<CreateDownloadUrlRequest>) =>
      createDownloadUrl(deps, { ...REQUEST, ...request }, { caller: SAMPLE_CALLER });
    return { call, signed };
  }

  it("signs the version of the object for the longest lifetime, to be saved under its last segment", async () => {
    const { call, signed } = signing();
    expect(await call({})).to.deep.equal({
      url: "https://s3.example/signed",
      expireTime: new Date("2026-01-02T03:14:05.000Z"),
      file: sampleFile(),
    });
    expect(signed).to.deep.equal([
      [
        "sluice-test",
        "default/ab/0190a3b4",
        {
          versionId: "v1",
          lifetimeMs: 600_000,
          contentType: "application/pdf",
          contentDisposition: "attachment; filename=\"_ber.pdf\"; filename*=UTF-8''%C3%BCber.pdf",
        },
      ],
    ]);
  });

  it("takes the lifetime, the name and inline from the request", async () => {
    const { call, signed } = signing(sampleFile({ s3VersionId: "", path: "top" }));
    const { expireTime } = await call({ lifetimeMs: 1000, downloadName: "r.pdf", inline: true });
    await call({});
    expect(expireTime.toISOString()).to.equal("2026-01-02T03:04:06.000Z");
    expect(signed[0]?.[2]).to.deep.equal({
      lifetimeMs: 1000,
      contentType: "application/pdf",
      contentDisposition: 'inline; filename="r.pdf"',
    });
    expect(signed[1]?.[2].contentDisposition).to.equal('attachment; filename="top"');
  });

  it("takes another media type than the file's", async () => {
    for (const contentType of ["text/plain; charset=utf-8", "image/svg+xml", 'a/b;c="d e"']) {
      const { call, signed } = signing();
      await call({ contentType });
      expect(signed[0]?.[2].contentType).to.equal(contentType);
    }
  });

  it("lets no browser show what can hold scripts, whether the file or the request says so", async () => {
    const dispositionOf = async (file: Partial<File>, contentType = "") => {
      const { call, signed } = signing(sampleFile({ path: "a", ...file }));
      await call({ inline: true, contentType });
      return signed[0]?.[2].contentDisposition;
    };
    expect(await dispositionOf({ contentType: "text/html" })).to.equal('attachment; filename="a"');
    expect(await dispositionOf({ contentType: "image/png" }, "image/svg+xml")).to.equal('attachment; filename="a"');
    expect(await dispositionOf({ contentType: "text/html" }, "text/plain")).to.equal('inline; filename="a"');
  });

  it("signs nothing for a deleted file", async () => {
    const { call, signed } = signing(sampleFile({ deleteTime: NOW }));
    expect(await catchError(() => call({ generation: 3 }))).to.include({ code: "not_found", reason: "FILE_NOT_FOUND" });
    expect(signed).to.deep.equal([]);
  });

  for (const [what, request, field] of [
    ["a lifetime of 0", { lifetimeMs: 0 }, "lifetime"],
    ["a negative lifetime", { lifetimeMs: -1000 }, "lifetime"],
    ["a lifetime of less than a second", { lifetimeMs: 999 }, "lifetime"],
    ["a lifetime of 1.5 s", { lifetimeMs: 1500 }, "lifetime"],
    ["a lifetime over the limit", { lifetimeMs: 601_000 }, "lifetime"],
    ["a name of 256 bytes", { downloadName: "ü".repeat(128) }, "download_name"],
    ["a name with a line break", { downloadName: "a\r\nSet-Cookie: b" }, "download_name"],
    ["a name with an override of the direction of text", { downloadName: "report\u202efdp.exe" }, "download_name"],
    ["a name with a lone surrogate", { downloadName: "a\ud800" }, "download_name"],
    ["a media type that is none", { contentType: "text" }, "content_type"],
    ["a media type with a line break", { contentType: "text/plain\r\nSet-Cookie: a=b" }, "content_type"],
    ["a media type of 256 characters", { contentType: `text/${"a".repeat(251)}` }, "content_type"],
    ["a media type beyond ASCII", { contentType: "text/plain; a=ü" }, "content_type"],
    ["generation 0", { generation: 0 }, "generation"],
  ] as const) {
    it(`refuses ${what} and signs nothing`, async () => {
      const { call, signed } = signing();
      const reason = "ARGUMENT_INVALID";
      expect(await catchError(() => call(request))).to.include({ code: "invalid_argument", reason, field });
      expect(signed).to.deep.equal([]);
    });
  }
});

describe("toContentDisposition", () => {
  for (const [name, expected] of [
    ["report.pdf", 'attachment; filename="report.pdf"'],
    ['a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"],
    ["50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"],
    ["it's (1)*.txt", 'attachment; filename="it\'s (1)*.txt"'],
    [
      "日本 (1)'*.txt",
      "attachment; filename=\"__ (1)'*.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%20%281%29%27%2A.txt",
    ],
    ["\u{1f600}", "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%98%80"],
    ["a\u202eb", 'attachment; filename="a_b"'],
    ["a\u2028b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%E2%80%A8b"],
  ] as const) {
    it(`writes ${JSON.stringify(name)} in printable ASCII`, () => {
      const header = toContentDisposition(name, { inline: false, contentType: "text/plain" });
      expect(header).to.equal(expected);
      expect(header).to.match(/^[\x20-\x7e]+$/);
    });
  }
});
