import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { text } from "node:stream/consumers";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { callRest, type RestAnswer, sendRaw, toRefusal } from "../../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN, startService } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const FILES = "/v1/namespaces/default/files";
const AUTHORIZED = { authorization: `Bearer ${SERVICE_TOKEN}` };

describe("PUT of a file", () => {
  let rig: UploadRig;
  let session: http2.ClientHttp2Session;
  before(async () => {
    rig = await UploadRig.start({ settings: { SLUICE_UPLOADS_MAX: "4" } });
    session = http2.connect(rig.service.url);
  });
  after(async () => {
    session.destroy();
    await rig.stop();
  });
  afterEach(async () => {
    rig.service.s3.faults.clear();
    await rig.expectNothingLeft();
  });

  const call = (path: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(rig.service.url + path, { token: SERVICE_TOKEN, ...init });
  const put = (path: string, body: Uint8Array | AsyncIterable<Uint8Array>, headers: Record<string, string> = {}) =>
    call(`${FILES}/${path}`, { method: "PUT", body: body as never, headers });

  /** Puts a file over HTTP/2, with or without a declared length. */
  async function putHttp2(path: string, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<RestAnswer> {
    const stream = session.request({ ":method": "PUT", ":path": `${FILES}/${path}`, ...AUTHORIZED, ...headers });
    const [answer] = await Promise.all([once(stream, "response"), stream.end(bytes)]);
    const received = await text(stream);
    const status = Number((answer[0] as http2.IncomingHttpHeaders)[":status"]);
    return { status, headers: new Headers(), body: JSON.parse(received) };
  }

  async function* inPieces(bytes: Uint8Array, pieceBytes = 10_000): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }

  async function expectFile(path: string, answer: RestAnswer, bytes: Uint8Array): Promise<void> {
    expect(answer.status, JSON.stringify(answer.body)).to.equal(201);
    expect(answer.body.file.crc32).to.equal(crc32(bytes));
    expect(answer.body.receipt.crc32).to.equal(crc32(bytes));
    expect((await rig.download(path)).equals(bytes), "the stored bytes are those sent").to.equal(true);
  }

  for (const sizeBytes of [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 7 * PART_BYTES + 5]) {
    it(`keeps ${sizeBytes} bytes, declared or not, over both protocols`, async () => {
      const bytes = seededBytes(sizeBytes, sizeBytes);
      const forms: ((path: string) => Promise<RestAnswer>)[] = [
        (path) => put(path, bytes),
        (path) => put(path, inPieces(bytes)),
        (path) => putHttp2(path, bytes, { "content-length": String(sizeBytes) }),
        (path) => putHttp2(path, bytes),
      ];
      for (const form of forms) {
        const path = rig.nextPath();
        await expectFile(path, await form(path), bytes);
      }
    });
  }

  it("keeps what the headers say of it", async () => {
    const bytes = seededBytes(1000);
    const digest = `sha-512=:x:, sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
    const path = "📁/%D9%85%D9%84%D9%81.txt";
    const answer = await put(path, bytes, {
      "content-type": "text/plain",
      "x-sluice-meta-author": Buffer.from("Ærø 📎").toString("latin1"),
      "x-sluice-label-cost_center": "7-a",
      "x-sluice-data-subject": "s-1",
      "content-digest": digest,
      "x-sluice-crc32": crc32(bytes).toString(16).padStart(8, "0"),
    });
    expect(answer.status).to.equal(201);
    const { file } = answer.body;
    expect(file).to.deep.include({ path: "📁/ملف.txt", contentType: "text/plain", dataSubject: "s-1" });
    expect(file.metadata).to.deep.equal({ author: "Ærø 📎" });
    expect(file.labels).to.deep.equal({ cost_center: "7-a" });
    expect(file.sha256).to.equal(createHash("sha256").update(bytes).digest("base64"));
    expect(answer.headers.get("etag")).to.equal(`"${file.etag}"`);
    const location = answer.headers.get("location") as string;
    expect(location).to.equal(`${FILES}/%F0%9F%93%81/%D9%85%D9%84%D9%81.txt`);
    const bytesBack = await fetch(`${rig.service.url}${location}?alt=media&redirect=false`, { headers: AUTHORIZED });
    expect(bytesBack.headers.get("repr-digest")).to.equal(digest.split(", ")[1]);
    expect(Buffer.from(await bytesBack.arrayBuffer()).equals(bytes)).to.equal(true);
    const redirected = await fetch(`${rig.service.url}${location}?alt=media`, { headers: AUTHORIZED });
    expect(redirected.redirected).to.equal(true);
    expect(Buffer.from(await redirected.arrayBuffer()).equals(bytes)).to.equal(true);
  });

  it("answers 200 when it replaces one, and keeps preconditions", async () => {
    const path = rig.nextPath();
    const first = await put(path, seededBytes(10));
    const tag = first.headers.get("etag") as string;
    expect((await put(path, seededBytes(11), { "if-match": tag })).status).to.equal(200);
    for (const headers of [{ "if-match": tag }, { "if-match": '"none"' }, { "if-none-match": "*" }]) {
      expect((await put(path, seededBytes(12), headers)).status, JSON.stringify(headers)).to.equal(412);
    }
    const { body } = await call(`${FILES}/${path}`);
    expect(body.file).to.include({ generation: "2", sizeBytes: "11" });
    const byBytes = await put(path, seededBytes(13), { "if-match": `"${body.file.fileId}"` });
    expect([byBytes.status, byBytes.body.file.generation]).to.deep.equal([200, "3"]);
    const missing = await put(rig.nextPath(), seededBytes(1), { "if-match": "*" });
    expect(toRefusal(missing)).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
    expect((await put(rig.nextPath(), seededBytes(1), { "if-none-match": "*" })).status).to.equal(201);
  });

  it("lets one of two that must be the first win", async () => {
    const path = rig.nextPath();
    // Neither upload ends before both have begun; otherwise the later one would be refused at once.
    const bothBegun = until("both have an upload", async () => {
      return (await rig.query("SELECT FROM upload WHERE path = $1", [path])).length === 2;
    });
    async function* body(bytes: Buffer) {
      yield bytes.subarray(0, PART_BYTES);
      await bothBegun;
      yield bytes.subarray(PART_BYTES);
    }
    const both = await Promise.all(
      [1, 2].map((seed) => put(path, body(seededBytes(3 * PART_BYTES, seed)), { "if-none-match": "*" })),
    );
    expect(both.map(({ status }) => status).sort()).to.deep.equal([201, 412]);
    const [loser] = both.filter(({ status }) => status === 412);
    expect(loser?.body).to.include({ reason: "GENERATION_MISMATCH" });
    expect(loser?.body.details.upload_id, "to be completed with another precondition, or aborted").to.be.a("string");
  });

  it("refuses a body before it is sent, where the caller waits", async () => {
    const head = (path: string, headers = "") =>
      `PUT ${path} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\n${headers}content-length: 5\r\n`;
    const token = `authorization: Bearer ${SERVICE_TOKEN}\r\n`;
    const { port } = new URL(rig.service.url);
    const send = (request: string) => sendRaw(Number(port), request);
    expect(await send(`${head(`${FILES}/a`)}\r\n`)).to.match(/^HTTP\/1\.1 401 /);
    expect(await send(`${head(`${FILES}/%2E%2E/a`, token)}\r\n`)).to.match(/^HTTP\/1\.1 400 .*PATH_INVALID/s);
    expect(await send(`${head(`${FILES}/a`, `${token}if-match: "x"\r\n`)}\r\n`)).to.match(/^HTTP\/1\.1 412 /);
    const taken = await send(`${head(`${FILES}/${rig.nextPath()}`, token)}\r\n12345`);
    expect(taken).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
  });

  it("refuses what cannot be a file", async () => {
    const bytes = seededBytes(10);
    for (const [headers, status, reason] of [
      [{ "content-digest": "sha-256=:AAAA:" }, 400, "ARGUMENT_INVALID"],
      [{ "x-sluice-crc32": "xyz" }, 400, "ARGUMENT_INVALID"],
      [{ "x-sluice-crc32": "00000000" }, 409, "CHECKSUM_MISMATCH"],
      [{ "content-digest": `sha-256=:${Buffer.alloc(32).toString("base64")}:` }, 409, "CHECKSUM_MISMATCH"],
      [{ "content-range": "bytes 0-9/20" }, 400, "ARGUMENT_INVALID"],
      [{ "content-encoding": "gzip" }, 415, "MEDIA_TYPE_UNSUPPORTED"],
      [{ "x-sluice-meta-a": "\xff\xfe" }, 400, "ARGUMENT_INVALID"],
      [{ "x-sluice-label-9": "x" }, 400, "ARGUMENT_INVALID"],
      [{ "x-sluice-label-a": "x".repeat(257) }, 400, "ARGUMENT_INVALID"],
      [{ "content-type": "text/plain; x=\xe9" }, 400, "ARGUMENT_INVALID"],
      [{ "idempotency-key": "no uuid" }, 400, "REQUEST_ID_INVALID"],
      [{ "idempotency-key": '"; DROP TABLE file; --' }, 400, "REQUEST_ID_INVALID"],
    ] as const) {
      const answer = await put(rig.nextPath(), bytes, headers as unknown as Record<string, string>);
      expect(toRefusal(answer), JSON.stringify(headers)).to.deep.equal({ status, reason });
    }
    expect((await put("a?x=1", bytes)).status).to.equal(400);
    const large = http.request(`${rig.service.url}${FILES}/large`, {
      method: "PUT",
      headers: { ...AUTHORIZED, "content-length": 2 ** 45, expect: "100-continue" },
    });
    large.flushHeaders();
    const [answer] = (await once(large, "response")) as [http.IncomingMessage];
    expect([answer.statusCode, JSON.parse(await text(answer)).reason]).to.deep.equal([413, "SIZE_LIMIT"]);
    large.on("error", () => {}).destroy();
  });

  it("is refused when too much is under way, with when to come back", async () => {
    const open = [1, 2, 3, 4].map(() => rig.create());
    const uploads = await Promise.all(open.map((call) => call.started()));
    const answer = await put(rig.nextPath(), seededBytes(10));
    expect(toRefusal(answer)).to.deep.equal({ status: 429, reason: "OVERLOADED" });
    expect(answer.headers.get("retry-after")).to.equal("1");
    for (const call of open) call.reset();
    await until("the streams have ended", () => rig.service.app.load.sessions === 0);
    for (const { uploadId } of uploads) await rig.client.abortUpload(uploadId);
  });

  describe("whose caller leaves before the end", () => {
    const bytes = seededBytes(6 * PART_BYTES, 6);
    const sentBytes = 4 * PART_BYTES + 100;

    const openHttp2 = (path: string, headers: Record<string, string>) =>
      session
        .request({ ":method": "PUT", ":path": `${FILES}/${path}`, ...AUTHORIZED, ...headers })
        .on("error", () => {});

    /** Ways to leave: each sends some bytes, waits until two parts are durable, and then leaves. */
    const leaves: [string, (path: string, headers: Record<string, string>) => Promise<() => void>][] = [
      [
        "by closing an HTTP/1.1 connection",
        async (path, headers) => {
          const request = http.request(`${rig.service.url}${FILES}/${path}`, {
            method: "PUT",
            headers: { ...AUTHORIZED, ...headers },
          });
          request.on("error", () => {});
          request.write(bytes.subarray(0, sentBytes));
          return () => request.destroy();
        },
      ],
      // Node's own reset first signals the end, which contradicts the declared length.
      ...([http2.constants.NGHTTP2_NO_ERROR, http2.constants.NGHTTP2_CANCEL] as const).map(
        (code): (typeof leaves)[number] => [
          `by resetting an HTTP/2 stream of declared length with code ${code}`,
          async (path, headers) => {
            const stream = openHttp2(path, headers);
            stream.write(bytes.subarray(0, sentBytes));
            return () => stream.close(code);
          },
        ],
      ),
      [
        "by destroying an HTTP/2 stream",
        async (path, headers) => {
          const stream = openHttp2(path, headers);
          stream.write(bytes.subarray(0, sentBytes));
          return () => stream.destroy();
        },
      ],
    ];
    for (const [how, begin] of leaves) {
      it(`${how}: nothing is committed, and the same request goes on`, async () => {
        const path = rig.nextPath();
        const isDeclared = how.includes("declared");
        const headers = { "idempotency-key": randomUUID() };
        const sent = { ...headers, ...(isDeclared && { "content-length": String(bytes.length) }) };
        const leave = await begin(path, sent);
        const findUpload = async () => {
          const [row] = await rig.query("SELECT upload_id FROM upload WHERE path = $1", [path]);
          return row && (await rig.client.getUpload(String(row.upload_id)));
        };
        await until("two parts are durable", async () => Number((await findUpload())?.durableOffset) >= 2 * PART_BYTES);
        leave();
        await until("the session has settled", () => rig.service.app.load.sessions === 0);
        expect(toRefusal(await call(`${FILES}/${path}`))).to.deep.equal({ status: 404, reason: "FILE_NOT_FOUND" });
        await expectFile(path, await putHttp2(path, bytes, sent), bytes);
        const again = await putHttp2(path, bytes, sent);
        expect(again.body.file.generation, "the request repeated after its success").to.equal("1");
      });
    }

    it("by falling silent, and is told where the upload stands", async () => {
      const hasty = await startService({ settings: { SLUICE_STALL_TIMEOUT_MS: "1000" } });
      const request = http.request(`${hasty.url}${FILES}/silent`, { method: "PUT", headers: AUTHORIZED });
      request.on("error", () => {});
      request.write(bytes.subarray(0, sentBytes));
      const [answer] = (await once(request, "response")) as [http.IncomingMessage];
      const problem = JSON.parse(await text(answer));
      expect([answer.statusCode, problem.reason]).to.deep.equal([409, "STALLED"]);
      expect(Number(problem.details.durable_offset) % PART_BYTES).to.equal(0);
      request.destroy();
      await hasty.stop();
    });
  });

  describe("while storage fails", () => {
    const bytes = seededBytes(5 * PART_BYTES, 5);

    it("commits though S3 answers 503 to a part", async () => {
      const fault = { kind: "status", status: 503, code: "SlowDown" } as const;
      rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 2 }, fault });
      const path = rig.nextPath();
      await expectFile(path, await put(path, bytes), bytes);
    });

    it("answers 503 when that does not end, and the same request goes on later", async () => {
      const fault = { kind: "status", status: 503, code: "SlowDown" } as const;
      rig.service.s3.faults.add({ operation: "UploadPart", match: { partNumber: 3 }, times: 100, fault });
      const path = rig.nextPath();
      const headers = { "idempotency-key": randomUUID() };
      const answer = await put(path, bytes, headers);
      expect(toRefusal(answer)).to.deep.equal({ status: 503, reason: "STORAGE_UNAVAILABLE" });
      expect(answer.headers.get("retry-after")).to.match(/^\d+$/);
      expect(Number(answer.body.details.durable_offset)).to.equal(2 * PART_BYTES);
      rig.service.s3.faults.clear();
      await expectFile(path, await put(path, bytes, headers), bytes);
    });

    it("holds a fast caller back while S3 is slow, within the memory budget", async () => {
      rig.service.s3.faults.add({ operation: "UploadPart", times: 1000, fault: { kind: "latency", ms: 30 } });
      const large = seededBytes(200 * PART_BYTES, 9);
      let mostBytes = 0;
      const poll = setInterval(() => {
        mostBytes = Math.max(mostBytes, rig.service.app.load.partBytes);
      }, 1);
      const path = rig.nextPath();
      try {
        await expectFile(path, await put(path, large), large);
      } finally {
        clearInterval(poll);
      }
      expect(mostBytes)
        .to.be.greaterThan(0)
        .and.at.most(64 * PART_BYTES);
    });
  });
});
