import {
  CreateBucketCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { expect } from "chai";
import { TestRig } from "./test-rig.ts";

const FAR = { name: "far", region: "ap-southeast-2" };
const k = { Bucket: FAR.name, Key: "k" };

describe("the development S3 server with buckets in two regions", () => {
  let rig: TestRig;
  const clients: S3Client[] = [];
  beforeEach(async () => {
    rig = await TestRig.start({ buckets: [TestRig.bucket, FAR] });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await rig.dispose();
  });

  const signFor = (region: string) => {
    const client = new S3Client({
      endpoint: rig.server.url,
      region,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: TestRig.accessKeyId, secretAccessKey: TestRig.secretAccessKey },
    });
    clients.push(client);
    return client;
  };
  const refusalOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => expect.fail("nothing was refused"),
      (caught: unknown) => caught,
    );
    const { name, $metadata, $response } = error as {
      name: string;
      $metadata: { httpStatusCode: number };
      $response: { headers: Record<string, string> };
    };
    return [name, $metadata.httpStatusCode, $response.headers["x-amz-bucket-region"]];
  };

  it("serves each in its own region, and says it", async () => {
    const far = signFor(FAR.region);
    await far.send(new PutObjectCommand({ ...k, Body: "far" }));
    expect(await (await far.send(new GetObjectCommand(k))).Body?.transformToString()).to.equal("far");
    expect((await far.send(new HeadBucketCommand(k))).BucketRegion).to.equal(FAR.region);
    expect((await far.send(new GetBucketLocationCommand(k))).LocationConstraint).to.equal(FAR.region);
    const near = await rig.client.send(new HeadBucketCommand({ Bucket: TestRig.bucket }));
    expect(near.BucketRegion).to.equal("eu-central-1");
  });

  it("redirects a request that is signed for the region of another bucket", async () => {
    const put = rig.client.send(new PutObjectCommand({ ...k, Body: "x" }));
    expect(await refusalOf(put)).to.deep.equal(["PermanentRedirect", 301, FAR.region]);
    const head = await refusalOf(rig.client.send(new HeadBucketCommand(k)));
    expect(head.slice(1)).to.deep.equal([301, FAR.region]);
    const url = await getSignedUrl(rig.client, new GetObjectCommand(k));
    expect((await fetch(url, { redirect: "manual" })).status).to.equal(301);
  });

  it("refuses a request that is signed for a region that it has no endpoint for, and names the right one", async () => {
    const nowhere = signFor("us-west-2");
    const refused = ["AuthorizationHeaderMalformed", 400];
    expect(await refusalOf(nowhere.send(new PutObjectCommand(k)))).to.deep.equal([...refused, FAR.region]);
    const near = { ...k, Bucket: TestRig.bucket };
    expect(await refusalOf(nowhere.send(new PutObjectCommand(near)))).to.deep.equal([...refused, "eu-central-1"]);
    expect((await refusalOf(nowhere.send(new HeadBucketCommand(k)))).slice(1)).to.deep.equal([400, FAR.region]);
  });

  it("makes a bucket where its request was signed for, and knows that after a restart", async () => {
    await signFor(FAR.region).send(new CreateBucketCommand({ Bucket: "new" }));
    await rig.stop();
    rig = await TestRig.start({ directory: rig.directory });
    const found = await signFor(FAR.region).send(new HeadBucketCommand({ Bucket: "new" }));
    expect(found.BucketRegion).to.equal(FAR.region);
  });
});
