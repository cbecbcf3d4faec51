import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { fromNow } from "../../testing/rigs/from-now.ts";
import { createTestAccess } from "../../testing/rigs/storage/s3-subject.ts";
import { toS3Failure } from "../errors.ts";
import { createObjectStore } from "../object-store.ts";
import { BodyRequests } from "./body-requests.ts";
import { createS3Client } from "./client.ts";
import { Connections, type PushedRequest } from "./connections.ts";
import { StreamedBody } from "./streamed-body.ts";

const LAYOUT = { form: "trailer", chunkBytes: 0, corkBytes: 0 } as const;
const LIMITS = {
  requestsMax: { body: 1, control: 1, read: 1, copy: 1, probe: 1 },
  connectTimeoutMs: 1000,
  socketTimeoutMs: 1000,
  tlsMin: "TLSv1.3" as const,
};

function helloBody(): StreamedBody {
  const body = new StreamedBody(5, { layout: LAYOUT, crc32: undefined, onActivity: () => {} });
  body.write(Buffer.from("hello"));
  body.end(crc32("hello"));
  return body;
}

/** Requests that no server receives: each gets the scripted answer. */
function record(location: { endpoint?: string }, answers: { status: number; headers?: object; text?: string }[]) {
  const requests: PushedRequest[] = [];
  const connections = new Connections(LIMITS);
  connections.push = async (request) => {
    requests.push(request);
    const { status, headers = {}, text = "" } = answers.shift() ?? { status: 200, headers: { etag: '"e"' } };
    return Object.assign(Readable.from([Buffer.from(text)]), {
      statusCode: status,
      headers,
    }) as unknown as IncomingMessage;
  };
  const endpoint = location.endpoint;
  const client = createS3Client(
    { region: "eu-central-1", endpoint, forcePathStyle: endpoint !== undefined },
    connections,
  );
  client.config.credentials = async () => ({ accessKeyId: "AKID", secretAccessKey: "secret", sessionToken: "token" });
  const bodies = new BodyRequests(client, connections);
  const put = (bucket = "bucket", key = "key", query = {}, headers = {}) =>
    bodies.put({ bucket, key, query, headers }, helloBody(), new AbortController().signal);
  return { put, requests };
}

describe("BodyRequests", () => {
  it("sends to the bucket's own host at AWS", async () => {
    const { put, requests } = record({}, []);
    await put("my-bucket", "a/b c+d(1)'ü.txt");
    expect(requests[0]).to.include({
      protocol: "https:",
      hostname: "my-bucket.s3.eu-central-1.amazonaws.com",
      path: "/a/b%20c%2Bd%281%29%27%C3%BC.txt",
      method: "PUT",
    });
    expect(requests[0]?.headers).to.include({ host: "my-bucket.s3.eu-central-1.amazonaws.com" });
    expect(requests[0]?.headers["x-amz-security-token"]).to.equal("token");
    expect(requests[0]?.headers.authorization).to.match(/^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/s3\//);
  });

  it("sends to a bucket in the path of another server, and learns an address once", async () => {
    const { put, requests } = record({ endpoint: "http://127.0.0.1:9000/base/" }, []);
    await put("bucket", "k", { partNumber: "1", uploadId: "a/b+c" });
    await put("bucket", "k");
    expect(requests[0]).to.include({ port: 9000, path: "/base/bucket/k?partNumber=1&uploadId=a%2Fb%2Bc" });
    expect(requests[1]).to.include({ path: "/base/bucket/k" });
  });

  it("asks for SSE-S3 when it puts an object, and not for a part, whose upload has asked", async () => {
    const connections = new Connections(LIMITS);
    const requests: PushedRequest[] = [];
    const dev = { url: "http://127.0.0.1:9", accessKeyId: "a", secretAccessKey: "b", region: "eu-central-1" };
    const { access } = createTestAccess(dev);
    connections.push = async (request) => {
      requests.push(request);
      return Object.assign(Readable.from([]), {
        statusCode: 200,
        headers: { etag: '"e"', "x-amz-checksum-crc32": "AAAAAA==" },
      }) as unknown as IncomingMessage;
    };
    const store = createObjectStore(() => ({ ...access, bodies: new BodyRequests(access.client, connections) }));
    const put = store.beginPut({ bucket: "bucket", contentType: "text/csv", beginAttempt: async () => "k" }, 0);
    const part = store.beginPart({ bucket: "bucket", key: "k", multipartId: "m", partNumber: 7 }, 0);
    for (const body of [put, part]) {
      body.end(0);
      await body.done;
    }
    const headersOf = (path: string) => requests.find((request) => request.path === path)?.headers;
    expect(headersOf("/bucket/k")).to.include({
      "x-amz-server-side-encryption": "AES256",
      "content-type": "text/csv",
    });
    expect(headersOf("/bucket/k?partNumber=7&uploadId=m"))
      .to.be.an("object")
      .that.does.not.have.property("x-amz-server-side-encryption");
  });

  it("gives the ETag without quotes, and the version and CRC32 where there are any", async () => {
    const stated = { etag: '"abc"', "x-amz-version-id": "v7", "x-amz-checksum-crc32": "NhCmhg==" };
    const { put } = record({}, [{ status: 200, headers: stated }]);
    expect(await put()).to.deep.equal({ etag: "abc", versionId: "v7", crc32: 0x3610_a686 });
    expect(await put()).to.deep.equal({ etag: "e", versionId: "", crc32: undefined });
  });

  it("takes no acknowledgement without an ETag", async () => {
    const { put } = record({}, [{ status: 200 }]);
    const error = await put().catch((caught) => caught);
    expect(error).to.include({ name: "MissingETag" });
    expect(toS3Failure(error)).to.equal("refused");
  });

  it("names a refusal by its code, else by its status", async () => {
    const { put } = record({}, [
      { status: 400, text: "<Error><Code>BadDigest</Code><Message>x</Message></Error>" },
      { status: 502, text: "<html>Bad Gateway</html>" },
      { status: 503, text: "x".repeat(200_000) },
    ]);
    const errors = [];
    for (const _ of [1, 2, 3]) errors.push(await put().catch((error) => error));
    expect(errors.map(({ name }) => name)).to.deep.equal(["BadDigest", "UnknownError", "UnknownError"]);
    expect(errors.map(toS3Failure)).to.deep.equal(["bad-digest", "retryable", "retryable"]);
  });

  it("learns from a refusal what S3's clock is ahead", async () => {
    const date = fromNow(3_600_000).toUTCString();
    const skewed = { status: 403, headers: { date }, text: "<Code>RequestTimeTooSkewed</Code>" };
    const { put, requests } = record({}, [skewed]);
    expect(toS3Failure(await put().catch((error) => error))).to.equal("retryable");
    await put();
    const signedAt = requests[1]?.headers["x-amz-date"]?.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z");
    // The clock may only have gone on since.
    expect(Date.parse(signedAt ?? "")).to.be.at.least(Date.parse(date));
  });

  it("asks again for an address that it could not learn", async () => {
    let calls = 0;
    const connections = new Connections(LIMITS);
    const client = createS3Client({ region: "eu-central-1", endpoint: undefined, forcePathStyle: false }, connections);
    client.config.credentials = async () => {
      if (++calls === 1) throw Object.assign(new Error("no role yet"), { name: "CredentialsProviderError" });
      return { accessKeyId: "AKID", secretAccessKey: "secret" };
    };
    connections.push = async () =>
      Object.assign(Readable.from([]), { statusCode: 200, headers: { etag: '"e"' } }) as unknown as IncomingMessage;
    const bodies = new BodyRequests(client, connections);
    const put = () =>
      bodies.put({ bucket: "b", key: "k", query: {}, headers: {} }, helloBody(), new AbortController().signal);
    expect(toS3Failure(await put().catch((error) => error))).to.equal("retryable");
    expect(await put()).to.include({ etag: "e" });
  });
});
