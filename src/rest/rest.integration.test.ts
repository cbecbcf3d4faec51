import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { expect } from "chai";
import { callRest, toRefusal } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN, startService } from "../testing/rigs/service/running-service.ts";
import { findProgram } from "../testing/rigs/tools/find-program.ts";
import { until } from "../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";

const FILES = "/v1/namespaces/default/files";
const AUTHORIZED = { authorization: `Bearer ${SERVICE_TOKEN}` };

/** Texts that would do harm if they were taken for SQL, for a header, a pattern or HTML. */
const HOSTILE = [
  "'; DROP TABLE file; --",
  'a" OR 1=1 --',
  "%",
  "_",
  "(a+)+$",
  "x; filename=evil",
  "<script>alert(1)<",
  "📁/ملف عربي.txt",
  "{{namespace}}",
  "\\x00\\",
];

describe("REST over the whole service", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const call = (path: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(rig.service.url + path, { token: SERVICE_TOKEN, ...init });
  const urlOf = (path: string) => `${FILES}/${path.split("/").map(encodeURIComponent).join("/")}`;
  const put = (path: string, bytes: Uint8Array, headers: Record<string, string> = {}) =>
    call(urlOf(path), { method: "PUT", body: bytes as never, headers });

  it("takes a file through its life", async () => {
    const path = "life/a file: one.txt";
    const bytes = seededBytes(3 * PART_BYTES);
    const first = await put(path, bytes, { "x-sluice-label-team": "tax" });
    const tag = first.headers.get("etag") as string;
    expect([first.status, (await call(urlOf(path))).headers.get("etag")]).to.deep.equal([201, tag]);

    const json = { labels: { team: "legal", "cost-center": "7" } };
    const change = { method: "PATCH", json, headers: { "if-match": tag } };
    const changed = await call(`${urlOf(path)}?updateMask=labels.team,labels.cost-center`, change);
    expect(changed.body.file.labels).to.deep.equal(json.labels);
    const stale = await call(`${urlOf(path)}?updateMask=labels`, change);
    expect(toRefusal(stale)).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
    expect(stale.body.details.current_etag).to.equal(changed.body.file.etag);
    const masked = await call(`${urlOf(path)}?updateMask=sizeBytes`, { method: "PATCH", json: { sizeBytes: "1" } });
    expect([masked.status, masked.body.field]).to.deep.equal([400, "update_mask"]);

    const range = { range: `bytes=${PART_BYTES - 1}-${PART_BYTES}` };
    const media = `${rig.service.url}${urlOf(path)}?alt=media&redirect=false`;
    const piece = await fetch(media, { headers: { ...AUTHORIZED, ...range } });
    expect(Buffer.from(await piece.arrayBuffer()).equals(bytes.subarray(PART_BYTES - 1, PART_BYTES + 1))).to.equal(
      true,
    );
    const beyond = await call(`${urlOf(path)}?alt=media&redirect=false`, { headers: { range: "bytes=999999-" } });
    expect([beyond.status, beyond.headers.get("content-range")]).to.deep.equal([416, `bytes */${bytes.length}`]);

    const remove = { method: "DELETE", headers: { "if-match": tag } };
    expect(toRefusal(await call(urlOf(path), remove))).to.deep.equal({ status: 412, reason: "ETAG_MISMATCH" });
    const current = changed.headers.get("etag") as string;
    expect((await call(urlOf(path), { method: "DELETE", headers: { "if-match": current } })).status).to.equal(200);
    expect(toRefusal(await call(urlOf(path)))).to.deep.equal({ status: 404, reason: "FILE_NOT_FOUND" });
    expect((await call(`${urlOf(path)}:undelete`, { method: "POST" })).body.file.path).to.equal(path);
    expect((await call(`${FILES}?prefix=life/`)).body.files).to.have.length(1);
  });

  it("lets one of several changes under the same ETag through, however they race", async () => {
    for (let round = 0; round < 5; round++) {
      const path = `race/${round}`;
      const { headers: sent } = await put(path, seededBytes(1));
      const headers = { "if-match": sent.get("etag") as string };
      const json = { labels: { won: "patch" } };
      const answers = await Promise.all([
        call(urlOf(path), { method: "DELETE", headers }),
        call(urlOf(path), { method: "PATCH", json, headers }),
        call(urlOf(path), { method: "DELETE", headers }),
        call(`${urlOf(path)}:move`, { method: "POST", json: { targetPath: `${path}/moved` }, headers }),
      ]);
      const lost = answers.filter(({ status }) => status !== 200);
      expect(lost).to.have.length(answers.length - 1);
      for (const { status } of lost) expect(status).to.be.oneOf([404, 412]);
    }
  });

  it("repeats a command by its key, and refuses another under it", async () => {
    const path = "keys/a";
    await put(path, seededBytes(1));
    const headers = { "idempotency-key": "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b" };
    const first = await call(urlOf(path), { method: "DELETE", headers });
    const again = await call(urlOf(path), { method: "DELETE", headers });
    expect([first.status, again.status, again.body]).to.deep.equal([200, 200, first.body]);
    const other = await call(urlOf("keys/b"), { method: "DELETE", headers });
    expect(toRefusal(other)).to.deep.equal({ status: 400, reason: "REQUEST_ID_REUSED" });
  });

  it("takes hostile text for text", async () => {
    for (const name of HOSTILE) {
      const path = `hostile/${name}`;
      const answer = await put(path, seededBytes(9), { "x-sluice-label-a": Buffer.from(name).toString("latin1") });
      expect(answer.status, name).to.equal(201);
      expect(answer.body.file).to.deep.include({ path, labels: { a: name } });
      expect((await call(urlOf(path))).body.file.path).to.equal(path);
      const listed = await call(`${FILES}?prefix=${encodeURIComponent(path)}`);
      expect(
        listed.body.files.map((file: { path: string }) => file.path),
        name,
      ).to.deep.equal([path]);
      const media = await call(`${urlOf(path)}?alt=media&redirect=false`);
      expect(media.headers.get("content-disposition")).to.match(
        /^attachment; filename="[^"\\]*"(; filename\*=UTF-8''\S*)?$/,
      );
      expect((await call(`${FILES}?pageToken=${encodeURIComponent(name)}`)).status, name).to.equal(400);
      const mask = `?updateMask=${encodeURIComponent(name)}`;
      expect((await call(urlOf(path) + mask, { method: "PATCH", json: {} })).status, name).to.equal(400);
    }
    for (const path of ["a//b", "", "a/", "a\u0000b", "a\r\nx-evil: 1", "x".repeat(1025)]) {
      const answer = await put(path, seededBytes(1));
      expect([answer.status, answer.body.field], JSON.stringify(path)).to.deep.equal([400, "path"]);
    }
    const { body } = await call(`${FILES}?prefix=hostile/`);
    expect(body.files).to.have.length(HOSTILE.length);
  });

  it("serves curl, over both protocols, with a body that waits to be asked for", async function () {
    const curl = await findProgram("curl");
    if (curl === undefined) this.skip();
    const directory = await mkdtemp(join(tmpdir(), "sluice-curl-"));
    try {
      const file = join(directory, "sent");
      const bytes = seededBytes(2 * 2 ** 20 + 3);
      await writeFile(file, bytes);
      const run = async (...args: string[]) => {
        const common = ["-sS", "--max-time", "50", "-H", `authorization: Bearer ${SERVICE_TOKEN}`];
        return (await promisify(execFile)(curl, [...common, ...args], { encoding: "utf8" })).stdout;
      };
      for (const protocol of ["--http1.1", "--http2-prior-knowledge"]) {
        const url = `${rig.service.url}${FILES}/curl/${protocol}`;
        const said = ["-w", "%{http_code} %{size_upload}", "-o", join(directory, "answer")];
        const wait = ["-H", "expect: 100-continue", "--expect100-timeout", "40"];
        const sent = await run(protocol, ...wait, ...said, "-T", file, url);
        expect(sent, await readFile(join(directory, "answer"), "utf8")).to.equal(`201 ${bytes.length}`);
        const refused = await run(protocol, ...wait, ...said, "-H", "if-none-match: *", "-T", file, url);
        // Over HTTP/2 curl sends its body at once, whatever it announced.
        expect(refused, "a body that is refused is not sent").to.match(protocol === "--http1.1" ? /^412 0$/ : /^412 /);
        await run("-L", "-o", join(directory, "got"), `${url}?alt=media`);
        expect((await readFile(join(directory, "got"))).equals(bytes)).to.equal(true);
        const piece = await run(protocol, "-r", "-5", "-D", "-", "-o", "/dev/null", `${url}?alt=media&redirect=false`);
        expect(piece)
          .to.match(/^HTTP\/\S+ 206/)
          .and.to.contain(`${bytes.length - 5}-${bytes.length - 1}/${bytes.length}`);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it("tells a PUT under way that the service stops, and where its upload stands", async () => {
    const replica = await rig.service.startReplica();
    const bytes = seededBytes(4 * PART_BYTES);
    const headers = { ...AUTHORIZED, "idempotency-key": "0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a00" };
    const options = { method: "PUT", headers: { ...headers, "content-length": bytes.length } };
    const request = http.request(`${replica.url}${FILES}/drained`, options);
    request.on("error", () => {});
    request.write(bytes.subarray(0, 2 * PART_BYTES + 1));
    await until("the bytes are there", () => replica.load.sessions === 1 && replica.load.partBytes > 0);
    const answered = new Promise<http.IncomingMessage>((resolve) => request.once("response", resolve));
    const stopped = replica.stop();
    const answer = await answered;
    const problem = JSON.parse(await text(answer));
    expect([answer.statusCode, problem.reason]).to.deep.equal([503, "SHUTTING_DOWN"]);
    expect(problem.details.upload_id).to.be.a("string");
    request.destroy();
    await stopped;
    const again = await put("drained", bytes, { "idempotency-key": headers["idempotency-key"] });
    expect(again.status, JSON.stringify(again.body)).to.equal(201);
    expect((await rig.download("drained")).equals(bytes)).to.equal(true);
  });

  it("answers 503 with when to come back while the database is not there", async () => {
    const databaseUrl = "postgres://nobody:nothing@127.0.0.1:1/none";
    const service = await startService({ databaseUrl, isReadyAwaited: false });
    try {
      for (const [path, method] of [
        [`${FILES}/a`, "GET"],
        [`${FILES}/a`, "PUT"],
        [`${FILES}/a?alt=media`, "GET"],
        ["/v1/namespaces/default/uploads/x/parts/1", "PUT"],
      ] as const) {
        const answer = await callRest(service.url + path, { method, token: SERVICE_TOKEN });
        expect(toRefusal(answer), path).to.deep.equal({ status: 503, reason: "DATABASE_UNAVAILABLE" });
        expect(answer.headers.get("retry-after")).to.equal("1");
      }
    } finally {
      await service.stop();
    }
  });
});
