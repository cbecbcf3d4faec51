import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectLegalHoldCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
} from "@aws-sdk/client-s3";
import { expect } from "chai";
import { codeOf, TestRig } from "../test-rig.ts";

const Bucket = "locked";
const Key = "folder/k&y";

describe("legal holds of the development S3 server", () => {
  let rig: TestRig;
  beforeEach(async () => {
    rig = await TestRig.start();
    await rig.client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  });
  afterEach(() => rig.dispose());

  const put = async (Body: string) => (await rig.client.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;
  const hold = (Status: "ON" | "OFF", VersionId?: string) =>
    rig.client.send(new PutObjectLegalHoldCommand({ Bucket, Key, VersionId, LegalHold: { Status } }));
  const statusOf = async (VersionId?: string) =>
    (await rig.client.send(new GetObjectLegalHoldCommand({ Bucket, Key, VersionId }))).LegalHold?.Status;
  const drop = (VersionId: string | undefined) => rig.client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));

  it("keep the version that they name, also one that is not the newest, and no other", async () => {
    const [first, second] = [await put("a"), await put("b")];
    await hold("ON", first);
    expect([await statusOf(first), await statusOf(second)]).to.deep.equal(["ON", "OFF"]);
    expect(await codeOf(drop(first))).to.equal("AccessDenied");
    await drop(second);
    expect(await statusOf()).to.equal("ON");
    await hold("OFF");
    await drop(first);
    expect(await codeOf(statusOf())).to.equal("NoSuchKey");
  });

  it("outlive the process, and let a mark of deletion come before them", async () => {
    const version = await put("a");
    await hold("ON");
    await drop(undefined);
    await rig.stop();
    rig = await TestRig.start({ directory: rig.directory });
    expect(await statusOf(version)).to.equal("ON");
    expect(await codeOf(drop(version))).to.equal("AccessDenied");
  });

  it("are refused in a bucket without Object Lock, and of another form", async () => {
    await rig.client.send(new PutObjectCommand({ Bucket: TestRig.bucket, Key, Body: "a" }));
    const plain = new PutObjectLegalHoldCommand({ Bucket: TestRig.bucket, Key, LegalHold: { Status: "ON" } });
    expect(await codeOf(rig.client.send(plain))).to.equal("InvalidRequest");
    await put("a");
    expect(await codeOf(hold("MAYBE" as "ON"))).to.equal("MalformedXML");
  });
});
