import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { expectRefusal } from "../testing/contracts/objects/object-store-contract.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { beginUpload, putObject, readObject, sendPart } from "../testing/rigs/storage/object-store-subject.ts";
import { createTestAccess, putPresigned } from "../testing/rigs/storage/s3-subject.ts";
import { createObjectStore } from "./object-store.ts";

const FAR = { name: "far", region: "ap-southeast-2" };
const HELLO = Buffer.from("hello");

describe("createObjectStore with buckets in two regions", () => {
  let s3: DevS3;
  const closes: (() => void)[] = [];
  beforeEach(async () => {
    s3 = await startDevS3({ buckets: ["bucket", FAR], multipartMinPartBytes: 1 });
  });
  afterEach(async () => {
    for (const close of closes.splice(0)) close();
    await s3.stop();
  });

  const open = (
    regions: Readonly<Record<string, string>> = { [FAR.name]: FAR.region },
    options: Parameters<typeof createTestAccess>[1] = {},
  ) => {
    const access = createTestAccess(s3.endpoint, { ...options, regionOf: (bucket) => regions[bucket] });
    closes.push(access.close);
    return { access, near: { store: createObjectStore(access.at), bucket: "bucket" } };
  };

  it("writes, reads, copies, signs and deletes in both", async () => {
    const { near } = open();
    const far = { ...near, bucket: FAR.name };
    for (const place of [near, far]) {
      const key = await putObject(place, HELLO);
      expect((await readObject(place, key)).toString()).to.equal("hello");
      const upload = await beginUpload(place);
      const part = await sendPart(place.store, { ...upload, partNumber: 1 }, HELLO);
      await place.store.completeMultipart(upload, { parts: [part], crc32: part.crc32, sizeBytes: 5 });
      const target = { bucket: place.bucket, contentType: "text/plain", beginAttempt: async () => `${key}.copy` };
      const source = { bucket: "bucket", key: await putObject(near, HELLO), versionId: "" };
      await place.store.copyObject(source, target, { sizeBytes: 5, crc32: crc32(HELLO) });
      const described = { lifetimeMs: 60_000, contentType: "text/plain", contentDisposition: "inline" };
      const url = await place.store.presignDownload(place.bucket, `${key}.copy`, described);
      expect(await (await fetch(url)).text()).to.equal("hello");
      await place.store.deleteVersions(place.bucket, key);
      expect(await place.store.head(place.bucket, key)).to.equal(undefined);
    }
    const upload = await beginUpload(far);
    const signed = { lengthBytes: 5, crc32: crc32(HELLO), lifetimeMs: 60_000 };
    const { url, headers } = await far.store.presignPart({ ...upload, partNumber: 1 }, signed);
    expect(new URL(url).searchParams.get("X-Amz-Credential")).to.contain(`/${FAR.region}/`);
    expect(await putPresigned(url, headers, HELLO)).to.equal(200);
    expect(await far.store.listParts(upload)).to.have.lengthOf(1);
  });

  it("shares the connections, the slots and the clock", () => {
    const { access } = open();
    const [near, far] = [access.at("bucket"), access.at(FAR.name)];
    expect(near.slots).to.equal(far.slots);
    expect(near.clock).to.equal(far.clock);
    expect(near.client).to.not.equal(far.client);
    expect(near.client).to.equal(access.at("another-bucket-of-that-region").client);
  });

  it("opens the breaker of the bucket that fails alone", async () => {
    const breaker = { requestsMin: 3, failurePercentMax: 50, openMs: 600_000 };
    const { near } = open(undefined, { breaker });
    const keys = await Promise.all([near, { ...near, bucket: FAR.name }].map((place) => putObject(place, HELLO)));
    const [nearKey = "", farKey = ""] = keys;
    const down = { kind: "status", status: 503, code: "SlowDown" } as const;
    s3.server.faults.add({ operation: "HeadObject", match: { key: new RegExp(farKey) }, times: 100, fault: down });
    await expectRefusal(near.store.head(FAR.name, farKey), ["unavailable", "STORAGE_UNAVAILABLE"]);
    const sentBefore = s3.server.requestCount("HeadObject");
    await expectRefusal(near.store.head(FAR.name, farKey), ["unavailable", "STORAGE_UNAVAILABLE"]);
    expect(s3.server.requestCount("HeadObject")).to.equal(sentBefore);
    expect(await near.store.head("bucket", nearKey)).to.include({ sizeBytes: 5 });
  });

  it("reads where a bucket really lies, whatever its requests are signed for, and does not call that an outage", async () => {
    for (const said of ["eu-central-1", "us-west-2"]) {
      const { near } = open({ [FAR.name]: said });
      expect(await near.store.readBucketRegion(FAR.name), said).to.equal(FAR.region);
      await near.store.checkBucket(FAR.name);
    }
  });

  it("refuses to write to a bucket that lies elsewhere than it is said to", async () => {
    const { near } = open({ [FAR.name]: "eu-central-1" });
    const error = await putObject({ ...near, bucket: FAR.name }, HELLO).catch((caught) => caught);
    expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
    expect(error.cause).to.include({ name: "PermanentRedirect" });
  });
});

describe("readBucketRegion of a server that does not state it with HeadBucket", () => {
  let server: Server;
  let answer: { head: number; location: [status: number, text: string] };
  beforeEach(async () => {
    server = createServer((request, response) => {
      const [status, text] = request.method === "HEAD" ? [answer.head, ""] : answer.location;
      response.writeHead(status, { "content-type": "application/xml" }).end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const read = async () => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const endpoint = { url, accessKeyId: "a", secretAccessKey: "b", region: "eu-central-1" };
    const { at, close } = createTestAccess(endpoint);
    try {
      return await createObjectStore(at).readBucketRegion("bucket");
    } finally {
      close();
    }
  };
  const location = (text: string): [number, string] => [
    200,
    `<?xml version="1.0"?><LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${text}</LocationConstraint>`,
  ];
  const refusal = (code: string, more = "") => `<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`;

  it("asks for the location", async () => {
    answer = { head: 200, location: location("ap-southeast-2") };
    expect(await read()).to.equal("ap-southeast-2");
    answer = { head: 200, location: location("EU") };
    expect(await read()).to.equal("eu-west-1");
  });

  it("takes no location, and a server without locations, for unknown", async () => {
    for (const given of [location(""), [501, refusal("NotImplemented")], [403, refusal("AccessDenied")]] as const) {
      answer = { head: 200, location: [...given] };
      expect(await read(), given[1]).to.equal(undefined);
    }
  });

  it("learns it from the refusal of a request that was signed for another region", async () => {
    const Region = "<Region>ap-southeast-2</Region>";
    answer = { head: 400, location: [400, refusal("AuthorizationHeaderMalformed", Region)] };
    expect(await read()).to.equal("ap-southeast-2");
  });

  it("rejects when the server refuses for another reason", async () => {
    answer = { head: 400, location: [400, refusal("InvalidRequest")] };
    await expectRefusal(read(), ["unavailable", "STORAGE_UNAVAILABLE"]);
  });
});
