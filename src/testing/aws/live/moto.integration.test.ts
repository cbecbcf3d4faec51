import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { expect } from "chai";
import { type Moto, startMoto } from "./moto.ts";

describe("startMoto", () => {
  let moto: Moto | undefined;
  after(async () => await moto?.stop());

  it("starts an S3 server that keeps buckets until it is reset", async function () {
    const started = await startMoto();
    if (typeof started === "string") {
      console.log(`    skipped: ${started}`);
      return this.skip();
    }
    moto = started;
    const client = new S3Client({
      endpoint: moto.url,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "any", secretAccessKey: "any" },
    });
    try {
      await client.send(new CreateBucketCommand({ Bucket: "my-files" }));
      const { Buckets } = await client.send(new ListBucketsCommand({}));
      expect(Buckets?.map(({ Name }) => Name)).to.deep.equal(["my-files"]);
      await moto.reset();
      expect((await client.send(new ListBucketsCommand({}))).Buckets ?? []).to.deep.equal([]);
    } finally {
      client.destroy();
    }
  });
});
