import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { expect } from "chai";
import { type Moto, startMoto } from "../../testing/aws/live/moto.ts";
import { Connections } from "./connections.ts";
import { createReadClient } from "./read-client.ts";

const REGION = "eu-central-1";
const OWN = { AWS_ACCESS_KEY_ID: "own", AWS_SECRET_ACCESS_KEY: "secret" };

describe("createReadClient on moto's STS", () => {
  let moto: Moto | undefined;
  let environment: NodeJS.ProcessEnv;

  before(async function () {
    environment = { ...process.env };
    Object.assign(process.env, OWN);
    const started = await startMoto();
    if (typeof started !== "string") {
      moto = started;
      return;
    }
    console.log(`    skipped: ${started}`);
    this.skip();
  });
  after(async () => {
    process.env = environment;
    await moto?.stop();
  });

  it("reads, and signs URLs that are read, with a session of the role", async () => {
    const url = (moto as Moto).url;
    const writer = new S3Client({ region: REGION, endpoint: url, forcePathStyle: true });
    const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
    await writer.send(new CreateBucketCommand({ Bucket: "my-files", CreateBucketConfiguration }));
    await writer.send(new PutObjectCommand({ Bucket: "my-files", Key: "files/a", Body: "bytes" }));
    writer.destroy();
    const connections = new Connections({
      requestsMax: { body: 1, control: 1, read: 1, copy: 1, probe: 1 },
      connectTimeoutMs: 5000,
      socketTimeoutMs: 30_000,
      tlsMin: "TLSv1.3",
    });
    const readRole = {
      roleArn: "arn:aws:iam::123456789012:role/my-files-read",
      lifetimeMinMs: 900_000,
      stsEndpoint: url,
    };
    const place = { region: REGION, endpoint: url, forcePathStyle: true };
    const reader = createReadClient({ ...place, readRole }, connections);
    try {
      const command = new GetObjectCommand({ Bucket: "my-files", Key: "files/a" });
      const { Body } = await (reader as S3Client).send(command);
      expect(await Body?.transformToString()).to.equal("bytes");
      const signed = await getSignedUrl(reader as S3Client, command, { expiresIn: 900 });
      expect(new URL(signed).searchParams.get("X-Amz-Credential")).to.match(/^ASIA/);
      const answer = await fetch(signed, { headers: { connection: "close" } });
      expect(await answer.text()).to.equal("bytes");
    } finally {
      connections.destroy();
    }
  });
});
