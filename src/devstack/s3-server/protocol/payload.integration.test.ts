import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { expect } from "chai";
import { until } from "../../../testing/rigs/until.ts";
import { awsChunked, codeOf, TestRig } from "../test-rig.ts";
import { encodeCrc32 } from "./crc32.ts";

const Bucket = TestRig.bucket;

describe("bodies sent to the development S3 server", () => {
  let rig: TestRig;
  before(async () => {
    rig = await TestRig.start({ bodyIdleTimeoutMs: 100 });
  });
  after(() => rig.dispose());

  const get = (Key: string) => rig.client.send(new GetObjectCommand({ Bucket, Key }));
  const blobs = () => readdir(join(rig.directory, "blobs"));

  describe("when a body breaks its promises", () => {
    const path = `/${Bucket}/broken`;
    const crcOf = (text: string) => encodeCrc32(crc32(text));
    const chunked = (body: Buffer, sizeBytes: number, extra = {}) => ({
      method: "PUT",
      path,
      body,
      headers: {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": String(sizeBytes),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-encoding": "aws-chunked",
        ...extra,
      },
    });
    const plain = (headers: Record<string, string>, body = "hello") => ({ method: "PUT", path, body, headers });
    const hello = Buffer.from("hello");

    const cases: [string, Parameters<TestRig["send"]>[0], string][] = [
      ["a CRC32 header of other bytes", plain({ "x-amz-checksum-crc32": crcOf("other") }), "BadDigest"],
      ["a CRC32 header that is none", plain({ "x-amz-checksum-crc32": "nonsense" }), "InvalidRequest"],
      ["a CRC32 trailer of other bytes", chunked(awsChunked([hello], crcOf("other")), 5), "BadDigest"],
      ["a trailer that is none", chunked(awsChunked([hello], "nonsense"), 5), "InvalidRequest"],
      ["no trailer", chunked(Buffer.from("5\r\nhello\r\n0\r\n\r\n"), 5), "MalformedTrailerError"],
      ["bad chunk framing", chunked(Buffer.from("5\r\nhelloworld"), 5), "IncompleteBody"],
      ["framing that ends early", chunked(Buffer.from("5\r\nhello\r\n"), 5), "IncompleteBody"],
      ["fewer payload bytes than announced", chunked(awsChunked([hello], crcOf("hello")), 6), "IncompleteBody"],
      ["more payload bytes than announced", chunked(awsChunked([hello], crcOf("hello")), 4), "IncompleteBody"],
      ["no decoded length", chunked(awsChunked([hello], crcOf("hello")), Number.NaN), "MissingContentLength"],
      ["a Content-MD5 of other bytes", plain({ "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg==" }), "BadDigest"],
      ["a Content-MD5 that is none", plain({ "content-md5": "eA==" }), "InvalidDigest"],
      [
        "a signed SHA-256 of other bytes",
        plain({ "x-amz-content-sha256": "0".repeat(64) }),
        "XAmzContentSHA256Mismatch",
      ],
      ["a payload hash that is none", plain({ "x-amz-content-sha256": "nonsense" }), "InvalidArgument"],
      ["signed chunks", plain({ "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" }), "NotImplemented"],
      ["another checksum algorithm", plain({ "x-amz-checksum-sha256": "x" }), "NotImplemented"],
      ["another trailer", chunked(hello, 5, { "x-amz-trailer": "x-amz-checksum-crc32c" }), "NotImplemented"],
      ["a trailer without framing", plain({ "x-amz-trailer": "x-amz-checksum-crc32" }), "InvalidRequest"],
      ["two checksums", chunked(hello, 5, { "x-amz-checksum-crc32": "NhCmhg==" }), "InvalidRequest"],
      ["over 5 GiB", chunked(hello, 5 * 1024 ** 3 + 1), "EntityTooLarge"],
      ["no length", { method: "PUT", path, headers: { "transfer-encoding": "chunked" } }, "MissingContentLength"],
      ["KMS encryption", plain({ "x-amz-server-side-encryption": "aws:kms" }), "NotImplemented"],
      ["unknown encryption", plain({ "x-amz-server-side-encryption": "ROT13" }), "InvalidArgument"],
      ["a customer key", plain({ "x-amz-server-side-encryption-customer-algorithm": "AES256" }), "NotImplemented"],
      ["tags", plain({ "x-amz-tagging": "a=b" }), "NotImplemented"],
      ["another storage class", plain({ "x-amz-storage-class": "GLACIER" }), "NotImplemented"],
      ["metadata over 2 KiB", plain({ "x-amz-meta-a": "x".repeat(2048) }), "MetadataTooLarge"],
      ["another If-None-Match", plain({ "if-none-match": '"e"' }), "NotImplemented"],
    ];
    for (const [what, request, code] of cases) {
      it(`refuses ${what} and keeps nothing`, async () => {
        const before = await blobs();
        expect((await rig.send(request)).code).to.equal(code);
        expect(await codeOf(get("broken"))).to.equal("NoSuchKey");
        // A body that is refused midway is removed when its connection has closed.
        await until("nothing is kept", async () => (await blobs()).every((blob) => before.includes(blob)));
      });
    }

    it("keeps nothing of a client that goes away", async () => {
      const before = await blobs();
      const socket = connect(rig.server.port, "127.0.0.1");
      const headers = await rig.sign({ method: "PUT", path, headers: { "content-length": "100" } });
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\nhalf a bo`);
      await until("half a body is there", async () => (await blobs()).length > before.length);
      socket.destroy();
      await until("the bytes are gone", async () => (await blobs()).length === before.length);
      expect(await codeOf(get("broken"))).to.equal("NoSuchKey");
    });

    it("gives up on a client that falls silent, says so and closes", async () => {
      const socket = connect(rig.server.port, "127.0.0.1");
      const headers = await rig.sign({ method: "PUT", path, headers: { "content-length": "100" } });
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\nhalf a bo`);
      let answer = "";
      for await (const piece of socket.setEncoding("utf8")) answer += piece;
      expect(answer)
        .to.match(/^HTTP\/1.1 400 /)
        .and.to.contain("<Code>RequestTimeout</Code>");
    });

    it("takes right values in every form", async () => {
      const md5 = createHash("md5").update("hello").digest("base64");
      const sha256 = createHash("sha256").update("hello").digest("hex");
      for (const request of [
        plain({ "x-amz-checksum-crc32": crcOf("hello") }),
        plain({ "content-md5": md5, "x-amz-content-sha256": sha256 }),
        chunked(awsChunked([hello], crcOf("hello")), 5),
        chunked(awsChunked([Buffer.alloc(9000, "x"), hello], crcOf(`${"x".repeat(9000)}hello`)), 9005),
      ]) {
        expect(await rig.send(request)).to.include({ status: 200, text: "" });
      }
    });
  });

  it("answers InternalError when its disk fails, and reports it once", async () => {
    const reported: unknown[] = [];
    const broken = await TestRig.start({ onInternalError: (error) => reported.push(error) });
    await rm(join(broken.directory, "blobs"), { recursive: true });
    const answer = await broken.send({ method: "PUT", path: `/${Bucket}/k`, body: "hello" });
    expect(answer).to.include({ status: 500, code: "InternalError" });
    expect(reported).to.have.length(1);
    await broken.dispose();
  });

  describe("when a client expects to be told to continue", () => {
    const exchange = async (headers: Record<string, string>, signed: boolean) => {
      const path = `/${Bucket}/expect`;
      const all = signed ? await rig.sign({ method: "PUT", path, headers }) : { host: "x", ...headers };
      const socket = connect(rig.server.port, "127.0.0.1");
      const lines = Object.entries({ ...all, expect: "100-continue" }).map(([name, value]) => `${name}: ${value}`);
      socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      const [first] = await once(socket.setEncoding("utf8"), "data");
      return { socket, first: String(first) };
    };

    it("asks for the body of a good request", async () => {
      const { socket, first } = await exchange({ "content-length": "5" }, true);
      expect(first).to.match(/^HTTP\/1.1 100 Continue/);
      socket.write("hello");
      const [second] = await once(socket, "data");
      expect(second).to.match(/^HTTP\/1.1 200 OK/);
      socket.destroy();
    });

    it("refuses a bad one before its body, and closes", async () => {
      const { socket, first } = await exchange({ "content-length": "5" }, false);
      expect(first).to.match(/^HTTP\/1.1 403 Forbidden/);
      expect(first).to.match(/connection: close/i);
      if (!socket.destroyed) await once(socket, "close");
    });
  });
});
