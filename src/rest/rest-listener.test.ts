import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { API_TOKEN, type ApiFunctions, type ApiServer, openApiServer } from "../testing/rigs/service/api-server.ts";
import { callRest, sendRaw, toRefusal } from "../testing/rigs/service/rest-client.ts";
import { sampleChunk, sampleFile, sampleUpload } from "../testing/samples/sample-records.ts";

const REQUEST_ID = "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b";
const FILES = "/v1/namespaces/default/files";
const ETAG = `${sampleFile().fileId}.1`;

describe("the REST face", () => {
  let server: ApiServer;
  let seen: Record<string, unknown>[];
  const note = (value: unknown) => {
    const { signal: _, caller: __, ...request } = value as Record<string, unknown>;
    seen.push(request);
  };
  const file = sampleFile();
  const functions: ApiFunctions = {
    fileQueries: {
      getFile: async (request) => {
        note(request);
        return file;
      },
      listFiles: async (request) => {
        note(request);
        return { files: [file], folders: [], nextPageToken: "next" };
      },
      async *readFile(request) {
        note(request);
        yield { kind: "header", file, offset: 0, sizeBytes: 3 };
        yield sampleChunk(0, Buffer.from("a"), Buffer.from("bc"));
        if (request.offset === 1) throw new DomainError("unavailable", "cut", { reason: "STORAGE_UNAVAILABLE" });
      },
    },
    fileCommands: {
      updateFile: async (request) => {
        note(request);
        return file;
      },
      deleteFile: async (request) => {
        note(request);
        return file;
      },
      undeleteFile: async (request) => {
        note(request);
        return file;
      },
      restoreGeneration: async (request) => {
        note(request);
        return file;
      },
      createDownloadUrl: async (request) => {
        note(request);
        return { url: "https://example.com/", expireTime: new Date(0), file };
      },
    },
    uploads: {
      createUpload: async (request) => {
        note(request);
        return { upload: sampleUpload(), created: true };
      },
      admitPart: async ({ connection }) => {
        expect(connection).not.to.equal("");
        seen.push({ admitted: true });
        return () => seen.push({ released: true });
      },
      writePart: async ({ bytes, partNumber }) => {
        seen.push({ part: partNumber, text: Buffer.from(bytes).toString() });
        return { range: { offset: 0, sizeBytes: bytes.length }, crc32: 1, wasDurable: false };
      },
    },
  };

  before(async () => {
    server = await openApiServer(functions);
  });
  beforeEach(() => {
    seen = [];
  });
  afterEach(() => {
    expect(server.defects).to.deep.equal([]);
  });
  after(() => server.close({ graceMs: 0 }));

  const call = (path: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(server.url + path, { token: API_TOKEN, ...init });

  describe("takes a method's request apart", () => {
    it("from the path, each segment decoded once", async () => {
      for (const [sent, path] of [
        ["a/b.txt", "a/b.txt"],
        ["a%20b/%25%32%35/%2B+", "a b/%25/++"],
        ["%F0%9F%93%81/%D9%85%D9%84%D9%81.pdf", "📁/ملف.pdf"],
        ["a:b", "a:b"],
        ["notes%3Aread", "notes:read"],
        ["x:unknown", "x:unknown"],
        ["a%3Fb%23c%26d%0D%0Ax-evil:%201", "a?b#c&d\r\nx-evil: 1"],
      ] as const) {
        const answer = await call(`${FILES}/${sent}`);
        expect(answer.status, sent).to.equal(200);
        expect(seen.pop(), sent).to.deep.equal({ namespace: "default", path });
        expect(answer.headers.get("x-evil")).to.equal(null);
      }
    });

    it("refuses a path that is not percent-encoded UTF-8", async () => {
      for (const path of ["%zz", "%C3", "a/%ED%A0%80"]) {
        const answer = await call(`${FILES}/${path}`);
        expect(toRefusal(answer), path).to.deep.equal({ status: 400, reason: "ARGUMENT_INVALID" });
        expect(answer.body.field).to.equal("path");
      }
    });

    it("from the query, by either name of a field", async () => {
      await call(`${FILES}?prefix=a%2Fb+c&pageSize=7&page_token=x&showDeleted=true`);
      expect(seen).to.deep.equal([
        {
          namespace: "default",
          prefix: "a/b c",
          pageSize: 7,
          pageToken: "x",
          showDeleted: true,
          delimiter: "",
          filter: "",
          orderBy: "",
        },
      ]);
      await call(`${FILES}/a?generation=3`);
      expect(seen.pop()).to.deep.equal({ namespace: "default", path: "a", generation: 3 });
    });

    it("from the body", async () => {
      const json = { requestId: REQUEST_ID, path: "a/b", size_bytes: "12", labels: { "cost-center": "x" } };
      const { status, body } = await call("/v1/namespaces/default/uploads", { method: "POST", json });
      expect(status).to.equal(200);
      expect(body.upload).to.include({ uploadId: sampleUpload().uploadId, state: "UPLOAD_STATE_OPEN" });
      expect(seen[0]).to.deep.include({ namespace: "default", path: "a/b", sizeBytes: 12 });
      expect(seen[0]).to.deep.include({ requestId: REQUEST_ID, labels: { "cost-center": "x" } });
    });

    it("from path, query and body together, with the names of labels in masks as they are", async () => {
      const json = { labels: { "cost-center": "1", cost_center: "2", costCenter: "3" }, contentType: "text/plain" };
      const mask = "labels.cost-center,labels.cost_center,labels.costCenter,contentType,metadata.a.b,nope";
      await call(`${FILES}/a/b?updateMask=${mask}&requestId=${REQUEST_ID}`, { method: "PATCH", json });
      expect(seen[0]).to.deep.include({ namespace: "default", path: "a/b", requestId: REQUEST_ID, etag: "" });
      expect(seen[0]?.updateMask).to.deep.equal([
        ...["labels.cost-center", "labels.cost_center", "labels.costCenter"],
        ...["content_type", "metadata.a.b", "nope"],
      ]);
      expect(seen[0]?.values).to.deep.include({ labels: json.labels, contentType: "text/plain" });
    });

    it("takes the request id from a header, or makes one", async () => {
      for (const headers of [
        { "idempotency-key": REQUEST_ID },
        { "idempotency-key": `"${REQUEST_ID}"` },
        { "x-sluice-request-id": REQUEST_ID },
      ]) {
        await call(`${FILES}/a:undelete`, { method: "POST", headers });
        expect(seen.pop()).to.include({ path: "a", requestId: REQUEST_ID });
      }
      await call(`${FILES}/a`, { method: "DELETE" });
      await call(`${FILES}/a`, { method: "DELETE" });
      const ids = seen.map(({ requestId }) => String(requestId));
      expect(ids[0])
        .to.match(/^[0-9a-f-]{36}$/)
        .and.not.equal(ids[1]);
    });

    it("of a part in JSON, once there is room for it", async () => {
      const json = { partNumber: 2, crc32: 1, data: Buffer.from("abc").toString("base64") };
      const path = "/v1/namespaces/default/uploads/0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b:writePart";
      const { status, body } = await call(path, { method: "POST", json });
      expect([status, body.range.sizeBytes]).to.deep.equal([200, "3"]);
      expect(seen).to.deep.equal([{ admitted: true }, { part: 2, text: "abc" }, { released: true }]);
    });

    it("takes durations as protobuf JSON writes them", async () => {
      const json = { lifetime: "60s", inline: true };
      const { body } = await call(`${FILES}/a:createDownloadUrl`, { method: "POST", json });
      expect(seen[0]).to.deep.include({ path: "a", lifetimeMs: 60_000, inline: true });
      expect(body).to.deep.include({ url: "https://example.com/", expireTime: "1970-01-01T00:00:00Z" });
    });
  });

  describe("refuses what is not the request", () => {
    const patch = (json: unknown, query = "") =>
      call(`${FILES}/a${query}`, { method: "PATCH", json, headers: { "idempotency-key": REQUEST_ID } });

    it("JSON that is not the schema, by the name of what is wrong", async () => {
      for (const [json, says] of [
        [{ nope: 1 }, '"nope" is unknown'],
        [{ labels: { a: 1 } }, "labels"],
        [{ sizeBytes: "many" }, "size_bytes"],
        [{ metageneration: 1.5 }, "metageneration"],
        [[], "file is no JSON object"],
        ["text", "file is no JSON object"],
        [{ path: "b" }, "given twice"],
        [{ "<script>\r\nx: y": 1 }, "is unknown"],
      ] as const) {
        const answer = await patch(json);
        expect(answer.status, says).to.equal(400);
        expect(answer.body.detail, JSON.stringify(json)).to.contain(says);
      }
      expect(seen).to.deep.equal([]);
    });

    it("a body that is no JSON, deep or not", async () => {
      for (const body of ["{", "\xff\xfe", "[".repeat(100_000), '{"labels":', "NaN"]) {
        const headers = { "content-type": "application/json; charset=utf-8" };
        const answer = await call(`${FILES}/a`, { method: "PATCH", body, headers });
        expect(toRefusal(answer)).to.deep.equal({ status: 400, reason: "MESSAGE_MALFORMED" });
      }
    });

    it("query parameters that the route does not have, or that are of another type", async () => {
      for (const [query, field] of [
        ["nope=1", "nope"],
        ["namespace=other", "namespace"],
        ["page_size.x=1", "page_size.x"],
        ["pageSize=many", "page_size"],
        ["showDeleted=yes", "show_deleted"],
        ["pageSize=1&pageSize=2", "page_size"],
        ["__proto__=1", "__proto__"],
        ["constructor.prototype.x=1", "constructor.prototype.x"],
        ["prefix=%C3", "prefix"],
      ] as const) {
        const answer = await call(`${FILES}?${query}`);
        expect([answer.status, answer.body.field], query).to.deep.equal([400, field]);
      }
      expect(seen).to.deep.equal([]);
    });

    it("10,000 query parameters", async () => {
      const answer = await call(`${FILES}?${"a&".repeat(10_000)}`);
      expect(toRefusal(answer)).to.deep.equal({ status: 400, reason: "ARGUMENT_INVALID" });
      expect(answer.body.details).to.deep.equal({ parameters: "10001", parameters_max: "100" });
    });

    it("a URL, a body or an encoding beyond the limits", async () => {
      const long = await call(`${FILES}?prefix=${"a".repeat(24_600)}`);
      expect(toRefusal(long)).to.deep.equal({ status: 414, reason: "URL_TOO_LONG" });
      const large = await patch({ metadata: { a: "a".repeat(4 * 2 ** 20) } });
      expect(toRefusal(large)).to.deep.equal({ status: 413, reason: "MESSAGE_TOO_LARGE" });
      expect(large.body.details.body_bytes_max).to.equal(String(2 ** 20));
      const init = { method: "PATCH", body: "{}" };
      const encoded = { "content-type": "application/json", "content-encoding": "gzip" };
      const form = { "content-type": "application/x-www-form-urlencoded" };
      for (const headers of [encoded, form]) {
        const answer = await call(`${FILES}/a`, { ...init, headers });
        expect(toRefusal(answer)).to.deep.equal({ status: 415, reason: "MEDIA_TYPE_UNSUPPORTED" });
      }
    });

    it("a body without end that is sent in pieces", async () => {
      const piece = Buffer.alloc(2 ** 20, " ");
      const body = (async function* () {
        for (let count = 0; count < 8; count++) yield piece;
      })();
      const headers = { "content-type": "application/json" };
      const answer = await call(`${FILES}/a`, { method: "PATCH", body, headers });
      expect(toRefusal(answer)).to.deep.equal({ status: 413, reason: "MESSAGE_TOO_LARGE" });
    });

    it("another Accept than what there is", async () => {
      for (const accept of ["text/html", "application/json;q=0", "image/*, application/jsonx"]) {
        const answer = await call(`${FILES}/a`, { headers: { accept } });
        expect(toRefusal(answer), accept).to.deep.equal({ status: 406, reason: "NOT_ACCEPTABLE" });
      }
      for (const accept of ["*/*", "text/html, application/*;q=0.1", "Application/JSON"]) {
        expect((await call(`${FILES}/a`, { headers: { accept } })).status, accept).to.equal(200);
      }
    });
  });

  describe("routes", () => {
    it("answers 404 where nothing is, and 405 with what is allowed", async () => {
      for (const path of ["/v1/", "/v1/nope", "/v1/namespaces/a/nope", "/v1/namespaces/a/uploads/1:nope/x"]) {
        expect(toRefusal(await call(path)), path).to.deep.equal({ status: 404, reason: "ROUTE_NOT_FOUND" });
      }
      const answer = await call(`${FILES}/a:undelete`);
      expect(toRefusal(answer)).to.deep.equal({ status: 405, reason: "METHOD_NOT_ALLOWED" });
      expect(answer.headers.get("allow")).to.equal("OPTIONS, POST");
      expect((await call(FILES, { method: "PUT" })).headers.get("allow")).to.equal("GET, HEAD, OPTIONS");
    });

    it("answers OPTIONS and HEAD, without a body", async () => {
      const options = await callRest(`${server.url}${FILES}/a`, { method: "OPTIONS" });
      expect(options.status).to.equal(204);
      expect(options.headers.get("allow")).to.contain("PATCH").and.to.contain("DELETE");
      const head = await call(`${FILES}/a`, { method: "HEAD" });
      expect([head.status, head.body]).to.deep.equal([200, ""]);
      expect(Number(head.headers.get("content-length"))).to.be.greaterThan(100);
      expect(head.headers.get("etag")).to.equal(`"${ETAG}"`);
    });

    it("leaves what is not under /v1/ as it was", async () => {
      expect((await call("/livez")).status).to.equal(200);
      expect((await call("/v2/x")).body.code).to.equal("not_found");
      const connect = await call("/sluice.v1.FileQueryService/GetFile", { method: "POST", json: { path: "a" } });
      expect(connect.status).to.equal(200);
    });
  });

  describe("streams", () => {
    it("a message a line", async () => {
      const { headers, body, status } = await call(`${FILES}/a:read`);
      expect([status, headers.get("content-type")]).to.deep.equal([200, "application/x-ndjson"]);
      const lines = String(body)
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(lines).to.have.length(2);
      expect(lines[0].header.file.path).to.equal(file.path);
      expect(Buffer.from(lines[1].chunk.data, "base64").toString()).to.equal("abc");
    });

    it("an error after the first message as the last line", async () => {
      const { status, body } = await call(`${FILES}/a:read?offset=1`);
      const last = JSON.parse(String(body).trimEnd().split("\n").at(-1) as string);
      expect(status).to.equal(200);
      expect(last.error).to.deep.include({ status: 503, reason: "STORAGE_UNAVAILABLE" });
    });

    it("an error before the first message as a problem", async () => {
      const answer = await call(`${FILES}/a:read`, { token: "wrong-token" });
      expect(toRefusal(answer)).to.deep.equal({ status: 401, reason: "TOKEN_INVALID" });
    });
  });

  describe("who calls", () => {
    it("is asked as over any other protocol", async () => {
      const none = await callRest(`${server.url}${FILES}/a`);
      expect(toRefusal(none)).to.deep.equal({ status: 401, reason: "TOKEN_MISSING" });
      expect(none.headers.get("www-authenticate")).to.equal('Bearer realm="sluice"');
      expect(none.headers.get("content-type")).to.equal("application/problem+json");
      const wrong = await call(`${FILES}/a`, { token: "wrong-token" });
      expect(wrong.headers.get("www-authenticate")).to.equal('Bearer realm="sluice", error="invalid_token"');
    });

    it("is asked before a body is read", async () => {
      const answer = await sendRaw(
        server.port,
        `PATCH ${FILES}/a HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 100\r\n\r\n`,
      );
      expect(answer).to.match(/^HTTP\/1\.1 401 /);
    });
  });

  describe("preconditions", () => {
    it("answers 304 to a reader that has it, and 412 to one that expects another", async () => {
      for (const tag of [`"${ETAG}"`, `"x", W/"${ETAG}"`, "*"]) {
        const answer = await call(`${FILES}/a`, { headers: { "if-none-match": tag } });
        expect([answer.status, answer.body], tag).to.deep.equal([304, ""]);
        expect(answer.headers.get("etag")).to.equal(`"${ETAG}"`);
      }
      expect((await call(`${FILES}/a`, { headers: { "if-none-match": '"x"' } })).status).to.equal(200);
      for (const tag of ['"x"', `W/"${ETAG}"`, "junk"]) {
        const answer = await call(`${FILES}/a`, { headers: { "if-match": tag } });
        expect(toRefusal(answer), tag).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
      }
    });

    it("hands the etag on to a change", async () => {
      const json = { labels: { a: "b" } };
      await call(`${FILES}/a`, { method: "PATCH", json, headers: { "if-match": '"some.7"' } });
      expect(seen[0]).to.include({ etag: "some.7" });
      await call(`${FILES}/a`, { method: "DELETE", headers: { "if-match": '"some.7"' } });
      expect(seen.pop()).to.include({ path: "a", etag: "some.7" }).and.not.have.property("ifGenerationMatch");
      await call(`${FILES}/a:undelete`, { method: "POST", headers: { "if-match": '"some.8"' } });
      expect(seen.pop()).to.include({ path: "a", etag: "some.8" });
      await call(`${FILES}/a`, { method: "DELETE", headers: { "if-match": "*" } });
      expect(seen.pop()).to.include({ etag: "" });
    });

    it("hands on that of several tags which the file has", async () => {
      const headers = { "if-match": `"a", "${ETAG}"` };
      for (const method of ["PATCH", "DELETE"]) {
        await call(`${FILES}/a`, { method, headers, ...(method === "PATCH" && { json: {} }) });
        expect(seen.at(-1), method).to.include({ path: "a", etag: ETAG });
      }
      seen = [];
      const other = await call(`${FILES}/a`, { method: "DELETE", headers: { "if-match": '"a", "other.1"' } });
      expect(toRefusal(other)).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
      expect(other.body.details).to.deep.equal({ current_etag: ETAG });
      expect(seen, "only the file was looked at").to.have.length(1);
      const two = await call(`${FILES}/a:undelete`, { method: "POST", headers });
      expect([two.status, two.body.field]).to.deep.equal([400, "if-match"]);
    });

    it("changes nothing under tags that nothing can match", async () => {
      for (const tag of ['W/"a"', '""', "junk", ""]) {
        for (const method of ["PATCH", "DELETE"]) {
          const answer = await call(`${FILES}/a`, { method, headers: { "if-match": tag } });
          expect(toRefusal(answer), `${method} ${tag}`).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
        }
      }
      expect(seen).to.deep.equal([]);
    });

    it("takes If-Match for the generation that is to be replaced, where a method compares that", async () => {
      const json = { generation: "1" };
      const restore = (tag: string) =>
        call(`${FILES}/a:restoreGeneration`, { method: "POST", json, headers: { "if-match": `"${tag}"` } });
      expect(toRefusal(await restore("other.1"))).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
      await restore(ETAG);
      expect(seen.at(-1)).to.include({ generation: 1, ifGenerationMatch: file.generation });
    });

    it("refuses a precondition that the method cannot keep", async () => {
      const headers = { "if-match": '"a"' };
      const answer = await call("/v1/namespaces/default/files:purge", { method: "POST", json: {}, headers });
      expect([answer.status, answer.body.field]).to.deep.equal([400, "if-match"]);
      for (const method of ["DELETE", "PATCH"]) {
        for (const tag of ["*", `"${ETAG}"`]) {
          const refused = await call(`${FILES}/a`, { method, headers: { "if-none-match": tag } });
          expect([refused.status, refused.body.field], method).to.deep.equal([400, "if-none-match"]);
        }
      }
      expect(seen).to.deep.equal([]);
    });
  });
});
