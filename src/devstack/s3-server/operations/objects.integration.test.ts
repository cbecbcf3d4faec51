import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import { codeOf, TestRig } from "../test-rig.ts";

const Bucket = TestRig.bucket;

describe("objects on the development S3 server", () => {
  let rig: TestRig;
  before(async () => {
    rig = await TestRig.start();
  });
  after(() => rig.dispose());

  const put = (Key: string, Body: string | Buffer, extra = {}) =>
    rig.client.send(new PutObjectCommand({ Bucket, Key, Body, ...extra }));
  const get = (Key: string, extra = {}) => rig.client.send(new GetObjectCommand({ Bucket, Key, ...extra }));
  const textOf = async (Key: string) => (await (await get(Key)).Body?.transformToString()) ?? "";
  const blobs = () => readdir(join(rig.directory, "blobs"));

  describe("when an object is put and read", () => {
    it("gives back bytes, metadata, headers, checksum and encryption", async () => {
      const described = {
        ContentType: "text/plain; charset=utf-8",
        ContentDisposition: 'attachment; filename="a.txt"',
        CacheControl: "no-store",
        Metadata: { owner: "me" },
        ServerSideEncryption: "AES256" as const,
      };
      const stored = await put("a.txt", "hello", described);
      expect(stored).to.include({ ServerSideEncryption: "AES256", ChecksumCRC32: "NhCmhg==" });
      const head = await rig.client.send(new HeadObjectCommand({ Bucket, Key: "a.txt", ChecksumMode: "ENABLED" }));
      expect(head).to.deep.include({ ...described, ContentLength: 5, ChecksumType: "FULL_OBJECT", ETag: stored.ETag });
      expect(await textOf("a.txt")).to.equal("hello");
    });

    for (const sizeBytes of [0, 1, 65_536, 3 * 1024 * 1024 + 1, 12 * 1024 * 1024]) {
      it(`keeps every byte of ${sizeBytes}, sent as a stream with a trailer`, async () => {
        const bytes = Buffer.alloc(sizeBytes, "0123456789abcdef#");
        const pieces = Array.from({ length: Math.ceil(sizeBytes / 65_536) }, (_, i) =>
          bytes.subarray(i * 65_536, (i + 1) * 65_536),
        );
        const body = Readable.from(pieces);
        await rig.client.send(
          new PutObjectCommand({ Bucket, Key: "stream", Body: body, ContentLength: sizeBytes, ContentEncoding: "x" }),
        );
        const answer = await get("stream");
        expect(answer.ContentEncoding).to.equal("x");
        const back = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
        expect(createHash("sha256").update(back).digest("hex")).to.equal(
          createHash("sha256").update(bytes).digest("hex"),
        );
      });
    }

    for (const Key of [
      "../../etc/passwd",
      "a/./b//c",
      "..",
      " ü+%2F?&=#",
      "日本/\u{1f600}",
      "a\u0001\tb",
      "é".repeat(512),
    ]) {
      it(`keeps the key ${JSON.stringify(Key.slice(0, 20))} as it is`, async () => {
        await put(Key, Key);
        expect(await textOf(Key)).to.equal(Key);
        const listed = await rig.client.send(new ListObjectsV2Command({ Bucket, Prefix: Key, EncodingType: "url" }));
        expect(listed.Contents?.map((object) => decodeURIComponent(object.Key ?? ""))).to.deep.equal([Key]);
        const deleted = await rig.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
        expect(deleted.Errors ?? []).to.deep.equal([]);
        expect(await codeOf(get(Key))).to.equal("NoSuchKey");
      });
    }

    it("refuses a key over 1,024 bytes and a bucket it has not", async () => {
      expect(await codeOf(put(`${"é".repeat(512)}x`, ""))).to.equal("KeyTooLongError");
      const nowhere = rig.client.send(new PutObjectCommand({ Bucket: "nowhere", Key: "k", Body: "" }));
      expect(await codeOf(nowhere)).to.equal("NoSuchBucket");
    });
  });

  describe("when a range is read", () => {
    it("sends just those bytes, without the checksum of the whole", async () => {
      await put("range", "0123456789");
      const answer = await get("range", { Range: "bytes=2-4" });
      expect(answer).to.include({ ContentRange: "bytes 2-4/10", ContentLength: 3 });
      expect(answer.ChecksumCRC32).to.equal(undefined);
      expect(answer.$metadata.httpStatusCode).to.equal(206);
      expect(await answer.Body?.transformToString()).to.equal("234");
      expect(await codeOf(get("range", { Range: "bytes=10-" }))).to.equal("InvalidRange");
    });

    it("answers with the headers that the query asks for", async () => {
      await put("override", "x", { ContentType: "text/plain" });
      const answer = await get("override", {
        ResponseContentType: "application/x-test",
        ResponseContentDisposition: "inline",
      });
      expect(answer).to.include({ ContentType: "application/x-test", ContentDisposition: "inline" });
      const refused = await rig.send({
        method: "GET",
        path: `/${Bucket}/override?response-content-type=%E2%82%AC`,
      });
      expect(refused.code).to.equal("InvalidArgument");
    });
  });

  describe("when a write is conditional", () => {
    it("keeps what is there under If-None-Match: *, and leaves no bytes of the loser", async () => {
      await put("once", "first", { IfNoneMatch: "*" });
      const before = await blobs();
      expect(await codeOf(put("once", "second", { IfNoneMatch: "*" }))).to.equal("PreconditionFailed");
      expect(await textOf("once")).to.equal("first");
      expect(await blobs()).to.have.members(before);
    });

    it("lets exactly one of many racing writers win", async () => {
      const writers = Array.from({ length: 8 }, (_, i) => codeOf(put("race", `writer ${i}`, { IfNoneMatch: "*" })));
      const outcomes = await Promise.all(writers);
      expect(outcomes.filter((code) => code === "none")).to.have.length(1);
      expect(outcomes.filter((code) => code === "PreconditionFailed")).to.have.length(7);
    });

    it("replaces under If-Match only what it names", async () => {
      const { ETag } = await put("match", "one");
      expect(await codeOf(put("match", "two", { IfMatch: '"else"' }))).to.equal("PreconditionFailed");
      expect(await codeOf(put("match", "two", { IfMatch: ETag }))).to.equal("none");
      expect(await codeOf(put("match/absent", "", { IfMatch: ETag }))).to.equal("NoSuchKey");
    });

    it("answers 304 to a reader who has it already", async () => {
      const { ETag } = await put("cached", "x");
      const answer = await rig.send({
        method: "GET",
        path: `/${Bucket}/cached`,
        headers: { "if-none-match": ETag ?? "" },
      });
      expect(answer.status).to.equal(304);
      expect(answer.headers.etag).to.equal(ETag);
    });
  });

  it("lets a reader finish what is overwritten and deleted meanwhile, then frees the bytes", async () => {
    const old = Buffer.alloc(8 * 1024 * 1024, "old");
    await put("kept", old);
    const reading = await get("kept");
    await put("kept", "new");
    await rig.client.send(new DeleteObjectCommand({ Bucket, Key: "kept" }));
    const bytes = Buffer.from((await reading.Body?.transformToByteArray()) ?? []);
    expect(bytes.equals(old)).to.equal(true);
  });

  describe("when objects are copied", () => {
    it("shares bytes, keeps or replaces the description, and survives the source", async () => {
      await put("copy/ü source", "content", { ContentType: "text/a", Metadata: { a: "1" } });
      const CopySource = `/${Bucket}/${encodeURIComponent("copy/ü source")}`;
      const kept = await rig.client.send(new CopyObjectCommand({ Bucket, Key: "copy/kept", CopySource }));
      expect(kept.CopyObjectResult?.ETag).to.match(/^"[0-9a-f]{32}-1"$/);
      await rig.client.send(
        new CopyObjectCommand({
          Bucket,
          Key: "copy/replaced",
          CopySource,
          MetadataDirective: "REPLACE",
          ContentType: "text/b",
        }),
      );
      await rig.client.send(new DeleteObjectCommand({ Bucket, Key: "copy/ü source" }));
      expect(await textOf("copy/kept")).to.equal("content");
      const [a, b] = [await get("copy/kept"), await get("copy/replaced")];
      expect([a.ContentType, a.Metadata]).to.deep.equal(["text/a", { a: "1" }]);
      expect([b.ContentType, b.Metadata]).to.deep.equal(["text/b", {}]);
    });

    for (const [source, code] of [
      [`${Bucket}/absent`, "NoSuchKey"],
      ["nowhere/x", "NoSuchBucket"],
      ["no-key", "InvalidArgument"],
      [`${Bucket}/%ff`, "InvalidArgument"],
      [`${Bucket}/copy/kept?versionId=3`, "NoSuchVersion"],
      [`${Bucket}/copy/kept`, "InvalidRequest"],
    ] as const) {
      it(`refuses to copy ${source} onto copy/kept`, async () => {
        const headers = { "x-amz-copy-source": source };
        expect((await rig.send({ method: "PUT", path: `/${Bucket}/copy/kept`, headers })).code).to.equal(code);
      });
    }

    it("honours conditions on source and target", async () => {
      const copy = (extra: object) =>
        codeOf(
          rig.client.send(
            new CopyObjectCommand({ Bucket, Key: "copy/c", CopySource: `${Bucket}/copy/kept`, ...extra }),
          ),
        );
      expect(await copy({ CopySourceIfMatch: '"x"' })).to.equal("PreconditionFailed");
      expect(await copy({ CopySourceIfNoneMatch: "*" })).to.equal("PreconditionFailed");
      expect(await copy({ IfNoneMatch: "*" })).to.equal("none");
      expect(await copy({ IfNoneMatch: "*" })).to.equal("PreconditionFailed");
    });
  });

  it("lists by prefix and delimiter, page by page", async () => {
    for (const Key of ["l/a", "l/b/1", "l/b/2", "l/c"]) await put(Key, Key);
    const list = (extra: object) =>
      rig.client.send(new ListObjectsV2Command({ Bucket, Prefix: "l/", Delimiter: "/", ...extra }));
    const names: (string | undefined)[] = [];
    for (let token: string | undefined, more = true; more; ) {
      const page = await list({ MaxKeys: 1, ContinuationToken: token });
      names.push(...(page.Contents ?? []).map((o) => o.Key), ...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
      token = page.NextContinuationToken;
      more = page.IsTruncated ?? false;
    }
    expect(names).to.deep.equal(["l/a", "l/b/", "l/c"]);
    expect((await list({ StartAfter: "l/b/9" })).Contents?.map((object) => object.Key)).to.deep.equal(["l/c"]);
    expect(await codeOf(list({ ContinuationToken: "???" }))).to.equal("InvalidArgument");
    expect(await codeOf(list({ MaxKeys: -1 }))).to.equal("InvalidArgument");
    expect((await rig.send({ method: "GET", path: `/${Bucket}?encoding-type=x&list-type=2` })).code).to.equal(
      "InvalidArgument",
    );
  });

  it("deletes many keys, quietly when asked, and refuses an empty or broken request", async () => {
    const Objects = [{ Key: "l/a" }, { Key: "never was" }];
    const loud = await rig.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(loud.Deleted?.map((object) => object.Key)).to.deep.equal(["l/a", "never was"]);
    const quiet = await rig.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    expect(quiet.Deleted).to.equal(undefined);
    for (const body of ["<Delete></Delete>", "<Delete><Object><Oops/></Object></Delete>", "<Delete>"]) {
      expect((await rig.send({ method: "POST", path: `/${Bucket}?delete`, body })).code).to.equal("MalformedXML");
    }
  });

  it("makes, finds, lists and deletes buckets", async () => {
    const other = { Bucket: "other.bucket-1" };
    await rig.client.send(new CreateBucketCommand(other));
    expect(await codeOf(rig.client.send(new CreateBucketCommand(other)))).to.equal("BucketAlreadyOwnedByYou");
    expect((await rig.client.send(new HeadBucketCommand(other))).BucketRegion).to.equal("eu-central-1");
    const location = await rig.client.send(new GetBucketLocationCommand(other));
    expect(location.LocationConstraint).to.equal("eu-central-1");
    const names = (await rig.client.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name);
    expect(names).to.deep.equal([Bucket, "other.bucket-1"]);
    await rig.client.send(new PutObjectCommand({ ...other, Key: "k", Body: "" }));
    expect(await codeOf(rig.client.send(new DeleteBucketCommand(other)))).to.equal("BucketNotEmpty");
    await rig.client.send(new DeleteObjectCommand({ ...other, Key: "k" }));
    await rig.client.send(new DeleteBucketCommand(other));
    expect(await codeOf(rig.client.send(new HeadBucketCommand(other)))).to.equal("NotFound");
    for (const name of ["ab", "..", "Upper", "a..b"]) {
      expect((await rig.send({ method: "PUT", path: `/${name}` })).code).to.equal("InvalidBucketName");
    }
  });

  it("answers a HEAD of nothing without a body", async () => {
    expect(await rig.send({ method: "HEAD", path: `/${Bucket}/absent` })).to.include({ status: 404, text: "" });
  });
});
