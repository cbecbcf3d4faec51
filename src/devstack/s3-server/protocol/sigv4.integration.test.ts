import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { GetObjectCommand, PutObjectCommand, S3Client, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { expect } from "chai";
import { fromNow } from "../../../testing/rigs/from-now.ts";
import { type RawRequest, TestRig } from "../test-rig.ts";

const Bucket = TestRig.bucket;
const run = promisify(execFile);
const codeIn = (text: string) => /<Code>(\w+)</.exec(text)?.[1];

describe("signatures on the development S3 server", () => {
  let rig: TestRig;
  before(async () => {
    rig = await TestRig.start();
    await rig.client.send(new PutObjectCommand({ Bucket, Key: "a b+ü.txt", Body: "hello" }));
  });
  after(() => rig.dispose());

  describe("by header", () => {
    const list: RawRequest = { method: "GET", path: `/${Bucket}?list-type=2&prefix=a%20b` };

    it("lets a rightly signed request in, also with odd white space in signed headers", async () => {
      const headers = { "x-amz-meta-a": "  b   c " };
      expect(await rig.send({ ...list, headers })).to.have.property("status", 200);
    });

    const refusals: [string, Partial<RawRequest>, string][] = [
      ["no signature at all", { unsigned: true }, "AccessDenied"],
      ["the wrong secret", { secret: "guessed" }, "SignatureDoesNotMatch"],
      [
        "a header changed after signing",
        { tampered: { "x-amz-content-sha256": "0".repeat(64) } },
        "SignatureDoesNotMatch",
      ],
      ["an x-amz header that is not signed", { tampered: { "x-amz-meta-b": "c" } }, "AccessDenied"],
      ["another scheme", { tampered: { authorization: "AWS k:s" } }, "AuthorizationHeaderMalformed"],
      [
        "half an Authorization header",
        { tampered: { authorization: "AWS4-HMAC-SHA256 Credential=x" } },
        "AuthorizationHeaderMalformed",
      ],
      ["a date that is none", { tampered: { "x-amz-date": "yesterday" } }, "AccessDenied"],
      [
        "a date other than the scope's",
        { tampered: { "x-amz-date": "20200101T000000Z" } },
        "AuthorizationHeaderMalformed",
      ],
      ["a clock 2 hours behind", { signedAt: fromNow(-120 * 60_000) }, "RequestTimeTooSkewed"],
      ["a clock 2 hours ahead", { signedAt: fromNow(120 * 60_000) }, "RequestTimeTooSkewed"],
    ];
    for (const [what, change, code] of refusals) {
      it(`refuses ${what}`, async () => {
        expect((await rig.send({ ...list, ...change })).code).to.equal(code);
      });
    }

    it("refuses an unknown key, another region, another path and a missing payload hash", async () => {
      const { authorization = "", ...headers } = await rig.sign(list);
      const send = async (changed: string, path = list.path) =>
        (await rig.send({ ...list, path, unsigned: true, headers: { ...headers, authorization: changed } })).code;
      expect(await send(authorization.replace("AKIDTEST", "AKIDELSE"))).to.equal("InvalidAccessKeyId");
      expect(await send(authorization.replace("eu-central-1", "us-west-2"))).to.equal("AuthorizationHeaderMalformed");
      expect(await send(authorization.replace("/s3/", "/sqs/"))).to.equal("AuthorizationHeaderMalformed");
      expect(await send(authorization, `/${Bucket}?list-type=2&prefix=b`)).to.equal("SignatureDoesNotMatch");
      expect(await send(authorization.replace("host;", ""))).to.equal("AccessDenied");
      expect(await send(authorization.slice(0, -2))).to.equal("SignatureDoesNotMatch");
      const { "x-amz-content-sha256": _, ...without } = headers;
      const missing = await rig.send({ ...list, unsigned: true, headers: { ...without, authorization } });
      expect(missing.code).to.equal("InvalidRequest");
    });

    it("says the error in an S3 document with the request's id", async () => {
      const answer = await rig.send({ ...list, unsigned: true });
      expect(answer.headers["content-type"]).to.equal("application/xml");
      expect(answer.text).to.contain(`<Resource>/${Bucket}</Resource>`);
      expect(answer.text).to.contain(`<RequestId>${answer.headers["x-amz-request-id"]}</RequestId>`);
    });
  });

  describe("by presigned URL", () => {
    const getUrl = (signedMs: number, expiresIn = 600) => {
      const command = new GetObjectCommand({ Bucket, Key: "a b+ü.txt" });
      return getSignedUrl(rig.client, command, { expiresIn, signingDate: fromNow(signedMs) });
    };
    const fetched = async (url: string, init?: RequestInit) => {
      const response = await fetch(url, init);
      return { status: response.status, text: await response.text() };
    };

    it("gives the bytes to whoever has it, until it expires", async () => {
      expect(await fetched(await getUrl(-60_000))).to.deep.equal({ status: 200, text: "hello" });
      const expired = await fetched(await getUrl(-660_000));
      expect(expired.status).to.equal(403);
      expect(codeIn(expired.text)).to.equal("AccessDenied");
      expect(expired.text).to.contain("Request has expired");
    });

    it("is not valid before its time", async () => {
      expect((await fetched(await getUrl(17 * 60_000))).text).to.contain("Request is not yet valid");
    });

    for (const [what, pattern, replacement, code] of [
      ["another key", "a%20b", "c%20d", "SignatureDoesNotMatch"],
      ["a longer life", "X-Amz-Expires=600", "X-Amz-Expires=6000", "SignatureDoesNotMatch"],
      ["a life of 8 days", "X-Amz-Expires=600", "X-Amz-Expires=691200", "AuthorizationQueryParametersError"],
      ["no life", "X-Amz-Expires=600", "", "AuthorizationQueryParametersError"],
      ["no date", /X-Amz-Date=\w+/, "", "AuthorizationQueryParametersError"],
      [
        "another algorithm",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Algorithm=AWS4",
        "AuthorizationQueryParametersError",
      ],
      ["another region", "eu-central-1", "us-west-2", "AuthorizationQueryParametersError"],
      ["another access key", "AKIDTEST", "AKIDELSE", "InvalidAccessKeyId"],
      ["an added override", /$/, "&response-content-type=text%2Fhtml", "SignatureDoesNotMatch"],
    ] as const) {
      it(`is refused with ${what}`, async () => {
        expect(codeIn((await fetched((await getUrl(-60_000)).replace(pattern, replacement))).text)).to.equal(code);
      });
    }

    it("is refused when signed with the wrong secret", async () => {
      const client = new S3Client({
        endpoint: rig.server.url,
        region: "eu-central-1",
        forcePathStyle: true,
        credentials: { accessKeyId: TestRig.accessKeyId, secretAccessKey: "guessed" },
      });
      const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "a b+ü.txt" }));
      expect(codeIn((await fetched(url)).text)).to.equal("SignatureDoesNotMatch");
      client.destroy();
    });

    it("holds an upload to the checksum that was signed into it", async () => {
      const command = new PutObjectCommand({ Bucket, Key: "presigned", ChecksumCRC32: "NhCmhg==" });
      const url = await getSignedUrl(rig.client, command);
      expect((await fetched(url, { method: "PUT", body: "hello" })).status).to.equal(200);
      expect(codeIn((await fetched(url, { method: "PUT", body: "jello" })).text)).to.equal("BadDigest");
    });

    it("refuses a part of an upload that is not there", async () => {
      const command = new UploadPartCommand({ Bucket, Key: "k", UploadId: "none", PartNumber: 1 });
      const answer = await fetched(await getSignedUrl(rig.client, command), { method: "PUT", body: "hello" });
      expect(codeIn(answer.text)).to.equal("NoSuchUpload");
    });
  });

  it("takes curl's signatures", async function () {
    try {
      await run("curl", ["--version"]);
    } catch {
      console.log("    curl is missing: not tried with curl");
      this.skip();
    }
    const curl = async (...args: string[]) => {
      const credentials = ["--user", `${TestRig.accessKeyId}:${TestRig.secretAccessKey}`];
      const signing = ["--aws-sigv4", "aws:amz:eu-central-1:s3", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"];
      return (await run("curl", ["--silent", "--show-error", ...signing, ...credentials, ...args])).stdout;
    };
    const url = `${rig.server.url}/${Bucket}/from%20curl`;
    expect(await curl("-X", "PUT", "--data-binary", "hello curl", url)).to.equal("");
    expect(await curl(url)).to.equal("hello curl");
    const dotted = `${rig.server.url}/${Bucket}/../x`;
    expect(await curl("--path-as-is", "-X", "PUT", "--data-binary", "dots", dotted)).to.equal("");
    expect(await curl("--path-as-is", dotted)).to.equal("dots");
  });

  describe("for web pages", () => {
    it("answers a preflight for any origin, and lets the page read checksums and ETags", async () => {
      const preflight = await rig.send({
        method: "OPTIONS",
        path: `/${Bucket}/k`,
        unsigned: true,
        headers: {
          origin: "https://app.example",
          "access-control-request-method": "PUT",
          "access-control-request-headers": "x-amz-checksum-crc32",
        },
      });
      expect(preflight.status).to.equal(200);
      expect(preflight.headers["access-control-allow-methods"]).to.contain("PUT");
      expect(preflight.headers["access-control-allow-headers"]).to.equal("x-amz-checksum-crc32");
      const headers = { origin: "https://app.example" };
      const answer = await rig.send({ method: "GET", path: `/${Bucket}/a%20b%2B%C3%BC.txt`, headers });
      expect(answer.headers["access-control-allow-origin"]).to.equal("*");
      expect(answer.headers["access-control-expose-headers"]).to.contain("ETag");
    });

    it("keeps to the origins it was given", async () => {
      const strict = await TestRig.start({ corsOrigins: ["https://app.example"] });
      const preflight = (headers: Record<string, string>) =>
        strict.send({ method: "OPTIONS", path: `/${Bucket}/k`, unsigned: true, headers });
      const put = { "access-control-request-method": "PUT" };
      const allowed = await preflight({ ...put, origin: "https://app.example" });
      expect(allowed.headers["access-control-allow-origin"]).to.equal("https://app.example");
      expect((await preflight({ ...put, origin: "https://evil.example" })).code).to.equal("AccessForbidden");
      const patch = { origin: "https://app.example", "access-control-request-method": "PATCH" };
      expect((await preflight(patch)).code).to.equal("AccessForbidden");
      expect((await preflight({})).code).to.equal("InvalidRequest");
      await strict.dispose();
    });
  });
});
