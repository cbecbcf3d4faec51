import { appendFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import { TestRig } from "./test-rig.ts";

const Bucket = TestRig.bucket;

describe("the development S3 server after a restart", () => {
  let rig: TestRig;
  beforeEach(async () => {
    rig = await TestRig.start({ multipartMinPartBytes: 1 });
  });
  afterEach(() => rig.dispose());

  const restart = async () => {
    await rig.stop();
    rig = await TestRig.start({ directory: rig.directory, multipartMinPartBytes: 1 });
  };
  const textOf = async (Key: string) =>
    await (await rig.client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
  const begin = async (Key: string) =>
    (await rig.client.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId;
  const part = async (Key: string, UploadId: string | undefined, PartNumber: number, Body: string) => ({
    PartNumber,
    ETag: (await rig.client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))).ETag,
  });
  const complete = (Key: string, UploadId: string | undefined, Parts: object[]) =>
    rig.client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));

  it("still has its objects", async () => {
    await rig.client.send(new PutObjectCommand({ Bucket, Key: "a/../b", Body: "kept", Metadata: { a: "b" } }));
    await restart();
    const answer = await rig.client.send(new GetObjectCommand({ Bucket, Key: "a/../b" }));
    expect(answer.Metadata).to.deep.equal({ a: "b" });
    expect(await answer.Body?.transformToString()).to.equal("kept");
  });

  it("goes on with an unfinished upload", async () => {
    const uploadId = await begin("u");
    await part("u", uploadId, 1, "replaced");
    const first = await part("u", uploadId, 1, "1");
    await restart();
    const listed = await rig.client.send(new ListPartsCommand({ Bucket, Key: "u", UploadId: uploadId }));
    expect(listed.Parts?.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))).to.deep.equal([first]);
    const second = await part("u", uploadId, 2, "2");
    await complete("u", uploadId, [first, second]);
    expect(await textOf("u")).to.equal("12");
  });

  it("answers a repeated Complete like the first", async () => {
    const uploadId = await begin("u");
    const parts = [await part("u", uploadId, 1, "1")];
    const { ETag } = await complete("u", uploadId, parts);
    await restart();
    expect((await complete("u", uploadId, parts)).ETag).to.equal(ETag);
  });

  it("removes what a killed process left half done", async () => {
    const uploadId = await begin("u");
    const parts = [await part("u", uploadId, 1, "1")];
    const uploads = join(rig.directory, "buckets", Bucket, "uploads");
    const [file = ""] = await readdir(uploads);
    await appendFile(join(uploads, file), '{"partNumber":2,"sizeB');
    await writeFile(join(rig.directory, "blobs", "half-a-blob"), "...");
    await writeFile(join(uploads, "other.jsonl.tmp"), "{");
    await restart();
    expect(await readdir(join(rig.directory, "blobs"))).to.have.length(1);
    await complete("u", uploadId, parts);
    expect(await textOf("u")).to.equal("1");
  });

  it("forgets an upload whose object was made before the kill", async () => {
    const uploadId = await begin("u");
    const parts = [await part("u", uploadId, 1, "1")];
    const uploads = join(rig.directory, "buckets", Bucket, "uploads");
    const [file = ""] = await readdir(uploads);
    await complete("u", uploadId, parts);
    await writeFile(join(uploads, file), `${JSON.stringify({ uploadId, key: "u", initiated: 1 })}\n`);
    await restart();
    const listed = await rig.client.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(listed.Uploads ?? []).to.deep.equal([]);
    expect(await textOf("u")).to.equal("1");
  });

  it("has freed the bytes of objects that were overwritten", async () => {
    for (const Body of ["1", "2", "3"]) await rig.client.send(new PutObjectCommand({ Bucket, Key: "k", Body }));
    await restart();
    expect(await readdir(join(rig.directory, "blobs"))).to.have.length(1);
    expect(await textOf("k")).to.equal("3");
  });
});
