import { crc32 } from "node:zlib";
import { expect } from "chai";
import { objectStoreContract } from "../testing/contracts/objects/object-store-contract.ts";
import { type DevS3, startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import { beginUpload, nextKey, putObject, readObject } from "../testing/rigs/storage/object-store-subject.ts";
import { createBucket } from "../testing/rigs/storage/s3-judge.ts";
import { createS3Subject, createTestAccess, keepVersions } from "../testing/rigs/storage/s3-subject.ts";
import { until } from "../testing/rigs/until.ts";
import { createObjectStore } from "./object-store.ts";

objectStoreContract("createObjectStore on the development S3 server", async () => {
  const { endpoint, stop } = await startDevS3({ buckets: ["bucket", "versioned"] });
  await keepVersions(endpoint, "versioned");
  await createBucket({ ...endpoint, bucket: "locked" }, { hasObjectLock: true });
  return { ...createS3Subject(endpoint, stop), versionedBucket: "versioned", lockedBucket: "locked" };
});

describe("createObjectStore", () => {
  let s3: DevS3;
  before(async () => {
    s3 = await startDevS3();
  });
  after(() => s3.stop());

  const open = () => {
    const { access, close } = createTestAccess(s3.endpoint);
    return { store: createObjectStore(() => access), bucket: "bucket", client: access.client, close };
  };

  for (const [encryption, asked] of [
    ["sse-s3", "AES256"],
    ["bucket", undefined],
  ] as const) {
    it(`asks for ${asked ?? "no encryption"} with every new object: ${encryption}`, async () => {
      const { access, close } = createTestAccess(s3.endpoint);
      const store = createObjectStore(() => ({ ...access, encryption }));
      const seen: (string | undefined)[] = [];
      const note = (headers: Record<string, string>) => seen.push(headers["x-amz-server-side-encryption"]);
      access.client.middlewareStack.add(
        (next, { commandName = "" }) =>
          async (args) => {
            const { headers } = args.request as { headers: Record<string, string> };
            if (["CreateMultipartUploadCommand", "CopyObjectCommand"].includes(commandName)) note(headers);
            return await next(args);
          },
        { step: "finalizeRequest" },
      );
      const { put } = access.bodies;
      access.bodies.put = (target, ...others) => {
        note(target.headers);
        return put.call(access.bodies, target, ...others);
      };
      await beginUpload({ store, bucket: "bucket" });
      const key = await putObject({ store, bucket: "bucket" }, Buffer.from("hello"));
      const target = { bucket: "bucket", beginAttempt: async () => `${key}-copy`, contentType: "text/plain" };
      const content = { sizeBytes: 5, crc32: crc32("hello") };
      await store.copyObject({ bucket: "bucket", key, versionId: "" }, target, content);
      expect(seen).to.deep.equal([asked, asked, asked]);
      close();
    });
  }

  it("tries again what failed for a reason that may pass", async () => {
    const { store, bucket, close } = open();
    const key = await putObject({ store, bucket }, Buffer.from("hello"));
    for (const operation of ["HeadObject", "GetObject", "DeleteObject", "HeadBucket"] as const) {
      s3.server.faults.add({ operation, times: 2, fault: { kind: "status", status: 503, code: "SlowDown" } });
    }
    expect(await store.head(bucket, key)).to.include({ sizeBytes: 5 });
    expect((await readObject({ store, bucket }, key)).toString()).to.equal("hello");
    await store.delete(bucket, key);
    await store.readBucketRegion(bucket);
    expect(s3.server.faults.pending).to.equal(0);
    close();
  });

  it("asks a bucket once whether it answers, also while its breakers are open", async () => {
    const { access, close } = createTestAccess(s3.endpoint, {
      breaker: { requestsMin: 1, failurePercentMax: 10, openMs: 60_000 },
    });
    const store = createObjectStore(() => access);
    s3.server.faults.add({ operation: "HeadBucket", times: 9, fault: { kind: "status", status: 500, code: "Gone" } });
    await store.readBucketRegion("bucket").catch(() => {});
    expect(s3.server.faults.pending, "the breaker has opened").to.equal(8);
    const refusal = await store.checkBucket("bucket").catch((caught) => caught);
    expect(refusal).to.include({ reason: "STORAGE_UNAVAILABLE" });
    expect(s3.server.faults.pending).to.equal(7);
    s3.server.faults.clear();
    await store.checkBucket("bucket");
    close();
  });

  it("gives a bucket up that does not answer, when its caller does", async () => {
    const { store, bucket, close } = open();
    s3.server.faults.add({ operation: "HeadBucket", fault: { kind: "hang" } });
    const stop = new AbortController();
    const checking = store.checkBucket(bucket, { signal: stop.signal }).catch((reason) => reason);
    await until("the request is there", () => s3.server.faults.pending === 0);
    stop.abort("enough");
    expect(await checking).to.equal("enough");
    close();
  });

  it("tries again only so often, and says when to try later", async () => {
    const { store, bucket, close } = open();
    s3.server.faults.add({
      operation: "HeadObject",
      times: 9,
      fault: { kind: "status", status: 500, code: "InternalError" },
    });
    const error = await store.head(bucket, nextKey()).catch((caught) => caught);
    expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE", retryAfterMs: 1000 });
    expect(s3.server.faults.pending).to.equal(5);
    s3.server.faults.clear();
    close();
  });

  it("tries a tenth of its requests again once the reserve of retries is used up, and all of them in the end", async () => {
    const requestsMax = { body: 1, control: 1, read: 1, copy: 1, probe: 1 };
    const { access, close } = createTestAccess(s3.endpoint, { limits: { requestsMax } });
    const store = createObjectStore(() => access);
    const key = await putObject({ store, bucket: "bucket" }, Buffer.from("hello"));
    const count = () => s3.server.requestCount("HeadObject");
    const before = count();
    const calls = 40;
    s3.server.faults.add({
      operation: "HeadObject",
      times: 1000,
      fault: { kind: "status", status: 500, code: "Down" },
    });
    for (let call = 0; call < calls; call++) await store.head("bucket", key).catch(() => {});
    // One for each of the five requests that can be under way, and a tenth of those that were made.
    expect(count() - before - calls).to.be.within(5, 5 + calls / 10);
    s3.server.faults.clear();
    for (let call = 0; call < 10; call++) await store.head("bucket", key);
    s3.server.faults.add({ operation: "HeadObject", fault: { kind: "status", status: 500, code: "Down" } });
    expect(await store.head("bucket", key)).to.include({ sizeBytes: 5 });
    close();
  });

  it("says that storage refuses, with no word of storage's own", async () => {
    const { store, bucket, close } = open();
    s3.server.faults.add({ operation: "HeadObject", fault: { kind: "status", status: 403, code: "AccessDenied" } });
    s3.server.faults.add({ operation: "ListParts", fault: { kind: "status", status: 403, code: "AccessDenied" } });
    const errors = [
      await store.head(bucket, "k").catch((caught) => caught),
      await store.listParts({ bucket, key: "k", multipartId: "m" }).catch((caught) => caught),
    ];
    for (const error of errors) {
      expect(error).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE", retryAfterMs: 60_000 });
      expect(error.message).to.not.contain("scripted");
    }
    expect(s3.server.faults.pending).to.equal(0);
    close();
  });

  it("takes a version for deleted that storage will not delete and does not have, and no other", async () => {
    const { access, close } = createTestAccess(s3.endpoint, {
      breaker: { requestsMin: 5, failurePercentMax: 10, openMs: 60_000 },
    });
    const store = createObjectStore(() => access);
    const other = open();
    const key = await putObject({ store, bucket: "bucket" }, Buffer.from("hello"));
    const failing: [number, string][] = [
      [500, "InternalError"],
      [400, "InvalidArgument"],
    ];
    for (const [status, code] of failing) {
      s3.server.faults.add({ operation: "DeleteObject", times: 1000, fault: { kind: "status", status, code } });
      // This is often enough to open the breaker, if these answers were failures.
      for (let times = 0; times < 10; times++) await store.delete("bucket", nextKey(), { versionId: "null" });
      const kept = await other.store.delete("bucket", key, { versionId: "null" }).catch((caught) => caught);
      expect(kept).to.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
      s3.server.faults.clear();
    }
    expect(await store.head("bucket", key)).to.include({ sizeBytes: 5 });
    other.close();
    close();
  });

  it("takes what storage does not do for no outage: its breaker stays closed", async () => {
    const { access, close } = createTestAccess(s3.endpoint, { breaker: { requestsMin: 2, openMs: 60_000 } });
    const store = createObjectStore(() => access);
    const fault = { kind: "status", status: 501, code: "NotImplemented" } as const;
    s3.server.faults.add({ operation: "ListObjectVersions", times: 10, fault });
    for (let times = 0; times < 10; times++) {
      const error = await store.deleteVersions("bucket", nextKey()).catch((caught) => caught);
      expect(error).to.include({ code: "unimplemented", reason: "STORAGE_UNABLE" });
    }
    expect(s3.server.faults.pending, "each was asked for once").to.equal(0);
    await store.deleteVersions("bucket", nextKey());
    close();
  });

  it("hands the break of a read over to its reader", async () => {
    const { store, bucket, close } = open();
    const key = await putObject({ store, bucket }, Buffer.alloc(3_000_000));
    s3.server.faults.add({ operation: "GetObject", fault: { kind: "cut-response" } });
    const error = await readObject({ store, bucket }, key).catch((caught) => caught);
    expect(error).to.be.instanceOf(Error);
    close();
  });
});
