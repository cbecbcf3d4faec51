import { Readable } from "node:stream";
import { expect } from "chai";
import { DomainError } from "../../domain/errors.ts";
import type { File } from "../../domain/files/file.ts";
import { API_TOKEN, type ApiServer, openApiServer } from "../../testing/rigs/service/api-server.ts";
import { callRest, toRefusal } from "../../testing/rigs/service/rest-client.ts";
import { SAMPLE_BYTES, sampleChunk, sampleFile } from "../../testing/samples/sample-records.ts";

const BYTES = "/v1/namespaces/default/files/a/b?alt=media&redirect=false";
const TEXT = Buffer.from(SAMPLE_BYTES).toString();

describe("the bytes of a file over REST", () => {
  let server: ApiServer;
  let file: File;
  let asked: Record<string, unknown>[];
  let failAt: number | undefined;

  before(async () => {
    server = await openApiServer(
      {
        fileQueries: {
          getFile: async () => file,
          async *readFile(request) {
            asked.push({ ...request });
            const { offset, limitBytes = 0 } = request;
            if (failAt === 0) throw new DomainError("unavailable", "away", { reason: "STORAGE_UNAVAILABLE" });
            yield { kind: "header", file, offset, sizeBytes: limitBytes };
            for (let at = offset; at < offset + limitBytes; at++) {
              yield sampleChunk(at, SAMPLE_BYTES.subarray(at, at + 1));
            }
            if (failAt !== undefined)
              throw new DomainError("data_loss", "other bytes", { reason: "CHECKSUM_MISMATCH" });
          },
        },
        fileCommands: {
          createDownloadUrl: async (request) => {
            asked.push({ ...request });
            return { url: "https://s3.example.com/x?a=b", expireTime: new Date(0), file };
          },
        },
      },
      { corsOrigins: ["https://a.example"] },
    );
  });
  beforeEach(() => {
    file = sampleFile();
    asked = [];
    failAt = undefined;
  });
  after(() => server.close({ graceMs: 0 }));

  const call = (path: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(server.url + path, { token: API_TOKEN, ...init });

  it("come from S3, by a redirect that nobody keeps", async () => {
    const { status, headers } = await call(
      "/v1/namespaces/default/files/a/b?alt=media&inline=true&downloadName=x%20y.pdf&generation=7",
    );
    expect([status, headers.get("location")]).to.deep.equal([302, "https://s3.example.com/x?a=b"]);
    expect(headers.get("cache-control")).to.equal("no-store");
    expect(headers.get("referrer-policy")).to.equal("no-referrer");
    expect(asked[0]).to.deep.equal({
      namespace: "default",
      path: "a/b",
      generation: 7,
      contentType: "",
      inline: true,
      downloadName: "x y.pdf",
    });
  });

  it("come through the service when they are asked not to redirect", async () => {
    const { status, headers, body } = await call(BYTES);
    expect([status, body]).to.deep.equal([200, TEXT]);
    expect(Object.fromEntries(headers)).to.include({
      "content-type": "application/pdf",
      "content-length": String(TEXT.length),
      "accept-ranges": "bytes",
      etag: `"${file.fileId}"`,
      "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
      "content-disposition": "attachment; filename=\"_ber.pdf\"; filename*=UTF-8''%C3%BCber.pdf",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; sandbox",
      "cache-control": "private, no-cache",
    });
    expect(asked).to.deep.equal([{ namespace: "default", path: "a/b", generation: 3, offset: 0, limitBytes: 43 }]);
  });

  it("come in one range", async () => {
    for (const [range, from, to] of [
      ["bytes=4-8", 4, 8],
      ["bytes=40-", 40, 42],
      ["bytes=-3", 40, 42],
      ["bytes=40-99", 40, 42],
    ] as const) {
      const { status, headers, body } = await call(BYTES, { headers: { range } });
      expect([status, body], range).to.deep.equal([206, TEXT.slice(from, to + 1)]);
      expect(headers.get("content-range")).to.equal(`bytes ${from}-${to}/43`);
    }
    for (const range of ["bytes=0-1,4-5", "pages=1-2", "bytes=9-3"]) {
      expect((await call(BYTES, { headers: { range } })).status, range).to.equal(200);
    }
  });

  it("are refused from behind the last one", async () => {
    for (const range of ["bytes=43-", "bytes=99-100", "bytes=-0"]) {
      const answer = await call(BYTES, { headers: { range } });
      expect(toRefusal(answer), range).to.deep.equal({ status: 416, reason: "RANGE_INVALID" });
      expect(answer.headers.get("content-range")).to.equal("bytes */43");
      expect(answer.body.details).to.deep.equal({ range, size_bytes: "43" });
    }
    expect(asked).to.deep.equal([]);
  });

  it("come whole where If-Range means others", async () => {
    const etag = `"${file.fileId}"`;
    for (const [ifRange, status] of [
      [etag, 206],
      [`W/${etag}`, 200],
      ['"other"', 200],
      ["Fri, 02 Jan 2026 03:04:05 GMT", 206],
      ["Fri, 02 Jan 2026 03:04:06 GMT", 200],
      ["junk", 200],
    ] as const) {
      const answer = await call(BYTES, { headers: { range: "bytes=0-1", "if-range": ifRange } });
      expect(answer.status, ifRange).to.equal(status);
    }
  });

  it("keep their ETag when only metadata changes, and are not sent again", async () => {
    file = sampleFile({ metageneration: 9 });
    const since = "Fri, 02 Jan 2026 03:04:05 GMT";
    for (const headers of [{ "if-none-match": `"${file.fileId}"` }, { "if-modified-since": since }]) {
      const answer = await call(BYTES, { headers });
      expect([answer.status, answer.body]).to.deep.equal([304, ""]);
    }
    const early = "Thu, 01 Jan 2026 00:00:00 GMT";
    for (const headers of [{ "if-match": '"other"' }, { "if-unmodified-since": early }]) {
      expect(toRefusal(await call(BYTES, { headers }))).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
    }
    expect(asked).to.deep.equal([]);
  });

  it("are told of by HEAD", async () => {
    for (const path of [BYTES, "/v1/namespaces/default/files/a/b?alt=media"]) {
      const { status, headers, body } = await call(path, { method: "HEAD", headers: { range: "bytes=0-1" } });
      expect([status, body, headers.get("content-length"), headers.get("location")]).to.deep.equal([
        200,
        "",
        "43",
        null,
      ]);
    }
    expect(asked).to.deep.equal([]);
  });

  it("may be none", async () => {
    file = sampleFile({ sizeBytes: 0 });
    const { status, body, headers } = await call(BYTES);
    expect([status, body, headers.get("content-length")]).to.deep.equal([200, "", "0"]);
    expect((await call(BYTES, { headers: { range: "bytes=0-" } })).status).to.equal(416);
  });

  it("have names that cannot leave their header", async () => {
    for (const [name, sent] of [
      ['a"b\\c.pdf', "attachment; filename=\"a_b_c.pdf\"; filename*=UTF-8''a%22b%5Cc.pdf"],
      ["📁 ملف.pdf", "attachment; filename=\"_ ___.pdf\"; filename*=UTF-8''%F0%9F%93%81%20%D9%85%D9%84%D9%81.pdf"],
      ["x; filename=evil", 'attachment; filename="x; filename=evil"'],
    ] as const) {
      file = sampleFile({ path: `dir/${name}` });
      expect((await call(BYTES)).headers.get("content-disposition"), name).to.equal(sent);
      const asName = await call(`${BYTES}&downloadName=${encodeURIComponent(name)}`);
      expect(asName.headers.get("content-disposition")).to.equal(sent);
    }
    const answer = await call(`${BYTES}&downloadName=a%0D%0Ax-evil:%201`);
    expect([answer.status, answer.body.field]).to.deep.equal([400, "download_name"]);
  });

  it("are refused with queries that mean nothing", async () => {
    for (const [query, field] of [
      ["alt=bytes", "alt"],
      ["alt=media&redirect=no", "redirect"],
      ["alt=media&generation=-1", "generation"],
      ["alt=media&x=1", "x"],
      ["alt=media&inline=true&inline=false", "inline"],
    ] as const) {
      const answer = await call(`/v1/namespaces/default/files/a/b?${query}`);
      expect([answer.status, answer.body.field], query).to.deep.equal([400, field]);
    }
    expect((await call("/v1/namespaces/default/files/a/b?alt=json")).body.file.path).to.equal(file.path);
  });

  it("may be written, read and deleted by scripts of an allowed origin", async () => {
    for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE"]) {
      const headers = {
        origin: "https://a.example",
        "access-control-request-method": method,
        "access-control-request-headers": "authorization, if-match, x-sluice-meta-a",
      };
      const answer = await callRest(server.url + BYTES, { method: "OPTIONS", headers });
      expect(answer.status, method).to.equal(204);
      expect(answer.headers.get("access-control-allow-methods")?.split(", ")).to.include(method);
      expect(answer.headers.get("access-control-allow-headers")?.split(", ")).to.include.members([
        "Authorization",
        "*",
      ]);
    }
    const other = await callRest(server.url + BYTES, { method: "OPTIONS", headers: { origin: "https://b.example" } });
    expect([other.status, other.headers.get("access-control-allow-origin")]).to.deep.equal([204, null]);
  });

  it("ask who calls, and are not those of a deleted file", async () => {
    expect(toRefusal(await call(BYTES, { token: "wrong-token" }))).to.include({ status: 401 });
    file = sampleFile({ deleteTime: new Date(0) });
    expect(toRefusal(await call(BYTES))).to.deep.equal({ status: 404, reason: "FILE_NOT_FOUND" });
  });

  it("are a problem when they cannot be read, without a header of theirs", async () => {
    failAt = 0;
    const answer = await call(BYTES, { headers: { range: "bytes=0-1", origin: "https://a.example" } });
    expect(toRefusal(answer)).to.deep.equal({ status: 503, reason: "STORAGE_UNAVAILABLE" });
    expect(answer.headers.get("content-range")).to.equal(null);
    expect(answer.headers.get("etag")).to.equal(null);
    expect(answer.headers.get("access-control-allow-origin")).to.equal("https://a.example");
    expect(answer.headers.get("access-control-expose-headers")).to.contain("ETag");
  });

  it("stop being read when their reader leaves", async () => {
    const { promise: isOver, resolve: over } = Promise.withResolvers<unknown>();
    const endless = await openApiServer({
      fileQueries: {
        getFile: async () => sampleFile({ sizeBytes: 2 ** 40 }),
        async *readFile(_, { signal }) {
          const bytes = Buffer.alloc(2 ** 18);
          try {
            for (let offset = 0; ; offset += bytes.length) yield sampleChunk(offset, bytes);
          } finally {
            over(signal.aborted);
          }
        },
      },
    });
    const leave = new AbortController();
    const headers = { authorization: `Bearer ${API_TOKEN}` };
    await fetch(endless.url + BYTES, { headers, signal: leave.signal });
    leave.abort();
    expect(await isOver, "the signal of the reading").to.equal(true);
    await endless.close({ graceMs: 0 });
    expect(endless.defects).to.deep.equal([]);
  });

  it("never look complete when their checksum is wrong", async () => {
    failAt = 43;
    const pieces: Buffer[] = [];
    let cut: unknown;
    try {
      const answer = await fetch(server.url + BYTES, { headers: { authorization: `Bearer ${API_TOKEN}` } });
      for await (const piece of Readable.fromWeb(answer.body as never)) pieces.push(piece as Buffer);
    } catch (error) {
      cut = error;
    }
    expect(cut).to.be.instanceOf(Error);
    expect(Buffer.concat(pieces).length).to.be.lessThan(43);
  });
});
