import { createHash } from "node:crypto";
import http from "node:http";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { callRest, sendRaw, toRefusal } from "../../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../../testing/rigs/service/running-service.ts";
import { until } from "../../testing/rigs/until.ts";
import { seededBytes, UploadRig } from "../../testing/rigs/uploads/upload-rig.ts";

const UPLOADS = "/v1/namespaces/default/uploads";

describe("PUT of a part", () => {
  let rig: UploadRig;
  before(async () => {
    rig = await UploadRig.start();
  });
  after(() => rig.stop());
  afterEach(() => rig.expectNothingLeft());

  const call = (path: string, init: Parameters<typeof callRest>[1] = {}) =>
    callRest(rig.service.url + path, { token: SERVICE_TOKEN, ...init });
  const bytes = seededBytes(2 * PART_BYTES + 10);
  const partOf = (number: number) => bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES);
  const toHex = (value: number) => value.toString(16).padStart(8, "0");

  /** Opens an upload of the bytes, and returns its URL. */
  async function open(path = rig.nextPath()): Promise<{ url: string; path: string }> {
    const json = { path, sizeBytes: String(bytes.length) };
    const { status, body } = await call(UPLOADS, { method: "POST", json });
    expect(status, JSON.stringify(body)).to.equal(200);
    return { url: `${UPLOADS}/${body.upload.uploadId}`, path };
  }

  const put = (url: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    call(url, { method: "PUT", body: body as never, headers });

  it("writes the parts in any order, and the file is committed over REST", async () => {
    const { url, path } = await open();
    for (const number of [3, 1, 2]) {
      const part = partOf(number);
      const { status, body } = await put(`${url}/parts/${number}`, part, {
        "x-sluice-crc32": toHex(crc32(part)),
        "content-digest": `sha-256=:${createHash("sha256").update(part).digest("base64")}:`,
      });
      expect(status, JSON.stringify(body)).to.equal(200);
      expect(body).to.deep.include({ crc32: crc32(part), wasDurable: false });
      expect(body.range.sizeBytes).to.equal(String(part.length));
    }
    expect((await put(`${url}/parts/2`, partOf(2))).body.wasDurable, "the same part again").to.equal(true);
    const { body } = await call(`${url}:complete`, { method: "POST", json: { crc32: crc32(bytes) } });
    expect(body.receipt).to.include({ sizeBytes: String(bytes.length), crc32: crc32(bytes) });
    expect((await rig.download(path)).equals(bytes)).to.equal(true);
    const watched = String((await call(`${url}:watch`)).body)
      .trimEnd()
      .split("\n");
    expect(JSON.parse(watched.at(-1) as string)).to.deep.include({ state: "UPLOAD_STATE_COMMITTED", committed: true });
  });

  it("refuses what is not the part", async () => {
    const { url } = await open();
    const part = partOf(1);
    for (const [number, body, headers, status, reason] of [
      ["0", part, {}, 400, "ARGUMENT_INVALID"],
      ["x", part, {}, 400, "ARGUMENT_INVALID"],
      ["10001", part, {}, 400, "ARGUMENT_INVALID"],
      ["4", part, {}, 400, "RANGE_INVALID"],
      ["1", part.subarray(1), {}, 400, "SIZE_MISMATCH"],
      ["1", part, { "x-sluice-crc32": "00000000" }, 409, "CHECKSUM_MISMATCH"],
      ["1", part, { "content-digest": `sha-256=:${"A".repeat(43)}=:` }, 409, "CHECKSUM_MISMATCH"],
      ["1", part, { "content-encoding": "gzip" }, 415, "MEDIA_TYPE_UNSUPPORTED"],
      ["1", part, { "content-range": "bytes 0-1/2" }, 400, "ARGUMENT_INVALID"],
    ] as const) {
      const answer = await put(`${url}/parts/${number}`, body, headers as Record<string, string>);
      expect(toRefusal(answer), `${number} ${JSON.stringify(headers)}`).to.deep.equal({ status, reason });
    }
    const nobody = await callRest(`${rig.service.url + url}/parts/1`, { method: "PUT", body: part as never });
    expect(toRefusal(nobody)).to.deep.equal({ status: 401, reason: "TOKEN_MISSING" });
    const unknown = await put(`${UPLOADS}/0190a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b/parts/1`, part);
    expect(toRefusal(unknown)).to.deep.equal({ status: 404, reason: "UPLOAD_NOT_FOUND" });
    await call(`${url}:abort`, { method: "POST" });
  });

  it("refuses one that is too large before it is sent", async () => {
    const answer = await sendRaw(
      Number(new URL(rig.service.url).port),
      `PUT ${UPLOADS}/x/parts/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${SERVICE_TOKEN}\r\nexpect: 100-continue\r\n` +
        `connection: close\r\ncontent-length: ${16 * 2 ** 20 + 1}\r\n\r\n`,
    );
    expect(answer).to.match(/^HTTP\/1\.1 413 .*MESSAGE_TOO_LARGE/s);
  });

  it("gives its room back when its caller leaves in the middle", async () => {
    const { url } = await open();
    const request = http.request(`${rig.service.url + url}/parts/1`, {
      method: "PUT",
      headers: { authorization: `Bearer ${SERVICE_TOKEN}`, "content-length": PART_BYTES },
    });
    request.on("error", () => {});
    request.write(partOf(1).subarray(0, 100));
    await until("the part has its place", () => rig.service.app.load.sessions === 1);
    request.destroy();
    await until("the place is free", () => rig.service.app.load.sessions === 0);
    expect((await put(`${url}/parts/1`, partOf(1))).status).to.equal(200);
    await call(`${url}:abort`, { method: "POST" });
  });
});
