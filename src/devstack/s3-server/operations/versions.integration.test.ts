import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import { codeOf, TestRig } from "../test-rig.ts";

const Bucket = TestRig.bucket;
const Key = "folder/k&y";

describe("versions of the development S3 server", () => {
  let rig: TestRig;
  beforeEach(async () => {
    rig = await TestRig.start({ multipartMinPartBytes: 1 });
  });
  afterEach(() => rig.dispose());

  const turn = (Status: "Enabled" | "Suspended") =>
    rig.client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
  const put = async (Body: string, key = Key) =>
    (await rig.client.send(new PutObjectCommand({ Bucket, Key: key, Body }))).VersionId;
  const textOf = async (VersionId?: string) =>
    await (await rig.client.send(new GetObjectCommand({ Bucket, Key, VersionId }))).Body?.transformToString();
  const drop = (VersionId?: string, key = Key) =>
    rig.client.send(new DeleteObjectCommand({ Bucket, Key: key, VersionId }));
  const list = async (page: { MaxKeys?: number; KeyMarker?: string; VersionIdMarker?: string } = {}) =>
    await rig.client.send(new ListObjectVersionsCommand({ Bucket, ...page }));
  const idsOf = async () => {
    const { Versions = [], DeleteMarkers = [] } = await list();
    return {
      versions: Versions.map(({ VersionId }) => VersionId),
      marks: DeleteMarkers.map(({ VersionId }) => VersionId),
    };
  };

  it("keeps none, and calls what there is null, until it is asked to", async () => {
    expect((await rig.client.send(new GetBucketVersioningCommand({ Bucket }))).Status).to.equal(undefined);
    expect(await put("a")).to.equal(undefined);
    await put("b");
    expect(await idsOf()).to.deep.equal({ versions: ["null"], marks: [] });
    expect(await textOf("null")).to.equal("b");
    await drop("null");
    expect(await codeOf(textOf())).to.equal("NoSuchKey");
    const wrong = rig.client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "On" as "Enabled" } }),
    );
    expect(await codeOf(wrong)).to.equal("MalformedXML");
  });

  it("keeps every version, and deletes by a mark that can be taken away again", async () => {
    await put("before");
    await turn("Enabled");
    expect((await rig.client.send(new GetBucketVersioningCommand({ Bucket }))).Status).to.equal("Enabled");
    const [first, second] = [await put("first"), await put("second")];
    expect(first).to.be.a("string").and.not.equal(second);
    const { DeleteMarker, VersionId: mark } = await drop();
    expect(DeleteMarker).to.equal(true);
    expect(await codeOf(textOf())).to.equal("NoSuchKey");
    expect(await idsOf()).to.deep.equal({ versions: [second, first, "null"], marks: [mark] });
    expect([await textOf(first), await textOf(second), await textOf("null")]).to.deep.equal([
      "first",
      "second",
      "before",
    ]);
    expect(await codeOf(textOf(mark))).to.equal("MethodNotAllowed");
    expect(await codeOf(textOf("unknown"))).to.equal("NoSuchVersion");
    await drop(mark);
    expect(await textOf()).to.equal("second");
    const head = await rig.client.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head.VersionId).to.equal(second);
    await drop(second);
    expect(await textOf(), "the next moves up").to.equal("first");
    for (const version of [first, "null", "null"]) await drop(version);
    expect(await idsOf()).to.deep.equal({ versions: [], marks: [] });
  });

  it("has one version null while it is suspended", async () => {
    await turn("Enabled");
    const kept = await put("kept");
    await turn("Suspended");
    for (const text of ["one", "two"]) expect(await put(text)).to.equal(undefined);
    expect(await idsOf()).to.deep.equal({ versions: ["null", kept], marks: [] });
    await drop();
    expect(await idsOf()).to.deep.equal({ versions: [kept], marks: ["null"] });
    expect(await textOf(kept)).to.equal("kept");
  });

  it("gives the objects of multipart uploads a version, and DeleteObjects takes some", async () => {
    await turn("Enabled");
    const { UploadId } = await rig.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const { ETag } = await rig.client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: "abc" }),
    );
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    const complete = () =>
      rig.client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    const { VersionId } = await complete();
    expect(VersionId).to.be.a("string");
    expect((await complete()).VersionId, "again").to.equal(VersionId);
    const other = await put("other");
    await rig.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key, VersionId: other }] } }));
    expect(await idsOf()).to.deep.equal({ versions: [VersionId], marks: [] });
  });

  it("lists them in pages, by key and then the newest first", async () => {
    await turn("Enabled");
    const expected: string[] = [];
    for (const key of ["a", "b"]) {
      const ids = [await put("1", key), await put("2", key), (await drop(undefined, key)).VersionId];
      expected.push(...ids.reverse().map((id) => `${key} ${id}`));
    }
    const found: string[] = [];
    let page = await list({ MaxKeys: 1 });
    for (;;) {
      const { Versions = [], DeleteMarkers = [], NextKeyMarker, NextVersionIdMarker } = page;
      found.push(...[...Versions, ...DeleteMarkers].map((one) => `${one.Key} ${one.VersionId}`));
      if (page.IsTruncated !== true) break;
      page = await list({
        MaxKeys: 1,
        KeyMarker: NextKeyMarker as string,
        VersionIdMarker: NextVersionIdMarker as string,
      });
    }
    expect(found).to.deep.equal(expected);
  });

  it("still has them after a restart, and empties a bucket only of all", async () => {
    await turn("Enabled");
    const [first, second] = [await put("first"), await put("second")];
    const { VersionId: mark } = await drop();
    await rig.stop();
    rig = await TestRig.start({ directory: rig.directory });
    expect(await idsOf()).to.deep.equal({ versions: [second, first], marks: [mark] });
    expect(await textOf(first)).to.equal("first");
    expect(await codeOf(rig.client.send(new DeleteBucketCommand({ Bucket })))).to.equal("BucketNotEmpty");
    for (const version of [first, second, mark]) await drop(version);
    await rig.client.send(new DeleteBucketCommand({ Bucket }));
  });
});
