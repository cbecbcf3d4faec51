import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { crc32 } from "node:zlib";
import {
  AbortMultipartUploadCommand,
  type ChecksumType,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { expect } from "chai";
import { encodeCrc32 } from "../protocol/crc32.ts";
import { codeOf, TestRig } from "../test-rig.ts";

const Bucket = TestRig.bucket;
const MIN = 1000;

describe("multipart uploads on the development S3 server", () => {
  let rig: TestRig;
  before(async () => {
    rig = await TestRig.start({ multipartMinPartBytes: MIN });
  });
  after(() => rig.dispose());

  const begin = async (Key: string, extra = {}) =>
    (await rig.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...extra }))).UploadId ?? "";
  const part = async (Key: string, UploadId: string, PartNumber: number, Body: Buffer) => {
    const { ETag, ChecksumCRC32 } = await rig.client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }),
    );
    return { PartNumber, ETag, ChecksumCRC32 };
  };
  const complete = (Key: string, UploadId: string, Parts: object[], extra = {}) =>
    rig.client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...extra }),
    );
  const bytesOf = async (Key: string) =>
    Buffer.from(
      (await (await rig.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToByteArray()) ?? [],
    );
  const fullObject = { ChecksumAlgorithm: "CRC32" as const, ChecksumType: "FULL_OBJECT" as ChecksumType };
  const one = Buffer.alloc(MIN, "1");
  const two = Buffer.alloc(MIN + 1, "2");
  const last = Buffer.from("3");
  const whole = Buffer.concat([one, two, last]);

  /** An upload with three good parts. */
  const prepare = async (Key: string, extra = {}) => {
    const uploadId = await begin(Key, extra);
    const parts = [];
    for (const [index, bytes] of [one, two, last].entries()) parts.push(await part(Key, uploadId, index + 1, bytes));
    return { uploadId, parts: parts as { PartNumber: number; ETag: string; ChecksumCRC32: string }[] };
  };

  describe("when the parts are right", () => {
    it("joins them, describes the object as the upload did, and checks the whole CRC32 and size", async () => {
      const { uploadId, parts } = await prepare("good", { ...fullObject, ContentType: "text/x", Metadata: { a: "b" } });
      const ChecksumCRC32 = encodeCrc32(crc32(whole));
      const done = await complete("good", uploadId, parts, {
        ChecksumCRC32,
        ChecksumType: "FULL_OBJECT",
        MpuObjectSize: whole.length,
      });
      expect(done).to.include({ ChecksumCRC32, ChecksumType: "FULL_OBJECT", Bucket, Key: "good" });
      expect(done.ETag).to.match(/^"[0-9a-f]{32}-3"$/);
      const head = await rig.client.send(new HeadObjectCommand({ Bucket, Key: "good", ChecksumMode: "ENABLED" }));
      expect(head).to.deep.include({ ChecksumCRC32, ContentType: "text/x", Metadata: { a: "b" }, ETag: done.ETag });
      expect((await bytesOf("good")).equals(whole)).to.equal(true);
    });

    it("reads ranges across part boundaries", async () => {
      for (const [from, to] of [
        [0, 0],
        [MIN - 1, MIN],
        [MIN, 2 * MIN],
        [MIN - 1, 2 * MIN + 1],
        [2 * MIN + 1, 2 * MIN + 1],
      ] as const) {
        const Range = `bytes=${from}-${to}`;
        const { Body } = await rig.client.send(new GetObjectCommand({ Bucket, Key: "good", Range }));
        const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
        expect(bytes.equals(whole.subarray(from, to + 1)), Range).to.equal(true);
      }
    });

    it("gives a COMPOSITE checksum when no type was asked for", async () => {
      const { uploadId, parts } = await prepare("composite", { ChecksumAlgorithm: "CRC32" });
      expect((await complete("composite", uploadId, parts)).ChecksumCRC32).to.match(/==-3$/);
    });

    it("answers a repeated Complete like the first, and another manifest with NoSuchUpload", async () => {
      const { uploadId, parts } = await prepare("again");
      const first = await complete("again", uploadId, parts);
      expect((await complete("again", uploadId, parts)).ETag).to.equal(first.ETag);
      expect(await codeOf(complete("again", uploadId, parts.slice(0, 2)))).to.equal("NoSuchUpload");
      expect(await codeOf(complete("another key", uploadId, parts))).to.equal("NoSuchUpload");
    });

    it("takes any subset of parts, and the later of two with the same number", async () => {
      const Key = "subset";
      const uploadId = await begin(Key);
      const replaced = await part(Key, uploadId, 7, two);
      const kept = await part(Key, uploadId, 7, one);
      await part(Key, uploadId, 8, two);
      const end = await part(Key, uploadId, 10_000, last);
      expect(await codeOf(complete(Key, uploadId, [replaced, end]))).to.equal("InvalidPart");
      await complete(Key, uploadId, [kept, end]);
      expect((await bytesOf(Key)).equals(Buffer.concat([one, last]))).to.equal(true);
    });

    it("serves lib-storage", async () => {
      const bytes = Buffer.alloc(12 * 1024 * 1024 + 3, "lib");
      const upload = new Upload({ client: rig.client, params: { Bucket, Key: "lib", Body: Readable.from([bytes]) } });
      await upload.done();
      expect((await bytesOf("lib")).equals(bytes)).to.equal(true);
    });
  });

  describe("when a Complete is wrong", () => {
    const cases: [string, (parts: { PartNumber: number; ETag: string }[]) => [object[], object], string][] = [
      ["parts out of order", ([a, b, c]) => [[b!, a!, c!], {}], "InvalidPartOrder"],
      ["a part twice", ([a, b]) => [[a!, b!, b!], {}], "InvalidPartOrder"],
      ["a part that was not uploaded", ([a]) => [[a!, { PartNumber: 9, ETag: a!.ETag }], {}], "InvalidPart"],
      ["another part's ETag", ([, b]) => [[{ PartNumber: 1, ETag: b!.ETag }, b!], {}], "InvalidPart"],
      ["a part CRC32 that is wrong", ([a]) => [[{ ...a!, ChecksumCRC32: "AAAAAA==" }], {}], "InvalidPart"],

      ["another CRC32 of the whole", (parts) => [parts, { ChecksumCRC32: "AAAAAA==" }], "BadDigest"],
      ["another size of the whole", (parts) => [parts, { MpuObjectSize: 1 }], "InvalidRequest"],
      ["another type of checksum", (parts) => [parts, { ChecksumType: "COMPOSITE" }], "InvalidRequest"],
      ["no parts", () => [[], {}], "MalformedXML"],
    ];
    for (const [what, change, code] of cases) {
      it(`refuses ${what}, and the upload goes on`, async () => {
        const { uploadId, parts } = await prepare("wrong", fullObject);
        const [manifest, extra] = change(parts);
        expect(await codeOf(complete("wrong", uploadId, manifest, extra))).to.equal(code);
        await complete("wrong", uploadId, parts);
      });
    }

    it("names the part that is too small, and the bound", async () => {
      const uploadId = await begin("small");
      const parts = [await part("small", uploadId, 1, last), await part("small", uploadId, 2, one)];
      const error = await complete("small", uploadId, parts).catch((caught) => caught);
      expect(error).to.include({ name: "EntityTooSmall", MinSizeAllowed: String(MIN), PartNumber: "1" });
    });

    it("refuses a CRC32 of the whole for an upload without checksums", async () => {
      // By hand, since the SDK asks for a CRC32 by itself.
      const begun = await rig.send({ method: "POST", path: `/${Bucket}/unchecked?uploads` });
      const uploadId = /<UploadId>(\w+)</.exec(begun.text)?.[1] ?? "";
      const parts = [await part("unchecked", uploadId, 1, one)];
      const checked = complete("unchecked", uploadId, parts, { ChecksumCRC32: "AAAAAA==" });
      expect(await codeOf(checked)).to.equal("InvalidRequest");
      expect((await complete("unchecked", uploadId, parts)).ChecksumCRC32).to.equal(undefined);
    });

    it("keeps object and upload under If-None-Match: *", async () => {
      await rig.client.send(new PutObjectCommand({ Bucket, Key: "taken", Body: "x" }));
      const { uploadId, parts } = await prepare("taken");
      expect(await codeOf(complete("taken", uploadId, parts, { IfNoneMatch: "*" }))).to.equal("PreconditionFailed");
      expect((await bytesOf("taken")).toString()).to.equal("x");
      await complete("taken", uploadId, parts);
      expect((await bytesOf("taken")).equals(whole)).to.equal(true);
    });

    it("refuses XML that is broken or incomplete", async () => {
      const { uploadId } = await prepare("xml");
      for (const inner of [
        "<Part>",
        "<Part><PartNumber>1</PartNumber></Part>",
        "<Part><PartNumber>x</PartNumber><ETag>e</ETag></Part>",
      ]) {
        const body = `<CompleteMultipartUpload>${inner}</CompleteMultipartUpload>`;
        const answer = await rig.send({ method: "POST", path: `/${Bucket}/xml?uploadId=${uploadId}`, body });
        expect(answer.code).to.equal("MalformedXML");
      }
      const path = `/${Bucket}/xml?uploadId=${uploadId}`;
      const tooLong = await rig
        .send({ method: "POST", path, headers: { "content-length": "9000000" } })
        .catch(() => undefined);
      expect(tooLong?.code).to.equal("MalformedXML");
    });
  });

  describe("when a part or an upload is wrong", () => {
    for (const partNumber of ["0", "10001", "-1", "x", ""]) {
      it(`refuses part number ${JSON.stringify(partNumber)}`, async () => {
        const uploadId = await begin("numbers");
        const path = `/${Bucket}/numbers?partNumber=${partNumber}&uploadId=${uploadId}`;
        expect((await rig.send({ method: "PUT", path, body: "x" })).code).to.equal("InvalidArgument");
      });
    }

    it("refuses an encryption header on a part, as S3 does", async () => {
      const path = `/${Bucket}/sse?partNumber=1&uploadId=${await begin("sse")}`;
      const headers = { "x-amz-server-side-encryption": "AES256" };
      expect((await rig.send({ method: "PUT", path, headers, body: "x" })).code).to.equal("InvalidArgument");
    });

    for (const [headers, code] of [
      [{ "x-amz-checksum-algorithm": "SHA256" }, "NotImplemented"],
      [{ "x-amz-checksum-type": "FULL_OBJECT" }, "InvalidRequest"],
      [{ "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "HALF" }, "InvalidRequest"],
    ] as [Record<string, string>, string][]) {
      it(`refuses to begin with ${JSON.stringify(headers)}`, async () => {
        expect((await rig.send({ method: "POST", path: `/${Bucket}/k?uploads`, headers })).code).to.equal(code);
      });
    }

    it("frees the parts of an aborted upload, which is then unknown", async () => {
      const before = await readdir(join(rig.directory, "blobs"));
      const { uploadId, parts } = await prepare("aborted");
      const upload = { Bucket, Key: "aborted", UploadId: uploadId };
      await rig.client.send(new AbortMultipartUploadCommand(upload));
      expect(await codeOf(rig.client.send(new AbortMultipartUploadCommand(upload)))).to.equal("NoSuchUpload");
      expect(await codeOf(rig.client.send(new ListPartsCommand(upload)))).to.equal("NoSuchUpload");
      expect(await codeOf(part("aborted", uploadId, 1, one))).to.equal("NoSuchUpload");
      expect(await codeOf(complete("aborted", uploadId, parts))).to.equal("NoSuchUpload");
      while ((await readdir(join(rig.directory, "blobs"))).length > before.length);
    });
  });

  describe("when parts are copied", () => {
    it("takes whole objects and ranges, and knows the CRC32 of whole ones", async () => {
      await rig.client.send(new PutObjectCommand({ Bucket, Key: "source", Body: whole }));
      const Key = "copied";
      const UploadId = await begin(Key, fullObject);
      const copy = (PartNumber: number, extra = {}) =>
        rig.client.send(
          new UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber, CopySource: `${Bucket}/source`, ...extra }),
        );
      const first = (await copy(1)).CopyPartResult;
      expect(first?.ChecksumCRC32).to.equal(encodeCrc32(crc32(whole)));
      const second = (await copy(2, { CopySourceRange: `bytes=${MIN - 1}-${MIN}` })).CopyPartResult;
      expect(await codeOf(copy(3, { CopySourceRange: "bytes=0-999999" }))).to.equal("InvalidArgument");
      await complete(Key, UploadId, [
        { PartNumber: 1, ETag: first?.ETag },
        { PartNumber: 2, ETag: second?.ETag },
      ]);
      expect((await bytesOf(Key)).equals(Buffer.concat([whole, Buffer.from("12")]))).to.equal(true);
    });
  });

  describe("when they are listed", () => {
    it("pages through parts, with sizes and checksums", async () => {
      const { uploadId, parts } = await prepare("list/parts", fullObject);
      const list = (extra: object) =>
        rig.client.send(new ListPartsCommand({ Bucket, Key: "list/parts", UploadId: uploadId, ...extra }));
      const first = await list({ MaxParts: 2 });
      expect(first).to.include({ IsTruncated: true, NextPartNumberMarker: "2", ChecksumType: "FULL_OBJECT" });
      const rest = await list({ MaxParts: 2, PartNumberMarker: first.NextPartNumberMarker });
      const listed = [...(first.Parts ?? []), ...(rest.Parts ?? [])];
      expect(rest.IsTruncated).to.equal(false);
      expect(listed.map((p) => [p.PartNumber, p.ETag, p.ChecksumCRC32, p.Size])).to.deep.equal(
        parts.map((p, index) => [p.PartNumber, p.ETag, p.ChecksumCRC32, [one, two, last][index]?.length]),
      );
      expect(await codeOf(list({ PartNumberMarker: "x" }))).to.equal("InvalidArgument");
    });

    it("pages through uploads by key and then by age", async () => {
      const ids = [await begin("u/b"), await begin("u/b"), await begin("u/a"), await begin("v")];
      const list = (extra: object) =>
        rig.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "u/", MaxUploads: 1, ...extra }));
      const found: (string | undefined)[] = [];
      for (let marker = {}, more = true; more; ) {
        const page = await list(marker);
        found.push(...(page.Uploads ?? []).map((upload) => upload.UploadId));
        marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
        more = page.IsTruncated ?? false;
      }
      expect(found[0]).to.equal(ids[2]);
      expect(found.slice(1)).to.have.members(ids.slice(0, 2));
      expect((await list({ KeyMarker: "u/a" })).Uploads?.[0]?.Key).to.equal("u/b");
      expect(await codeOf(list({ Delimiter: "/" }))).to.equal("NotImplemented");
    });
  });
});
