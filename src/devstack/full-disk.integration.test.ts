import { crc32 } from "node:zlib";
import { expect } from "chai";
import { callRest } from "../testing/rigs/service/rest-client.ts";
import { PART_BYTES, SERVICE_TOKEN } from "../testing/rigs/service/running-service.ts";
import { makeSmallDisk, type SmallDisk } from "../testing/rigs/storage/small-disk.ts";
import { until } from "../testing/rigs/until.ts";
import { expectRefused, seededBytes, UploadRig } from "../testing/rigs/uploads/upload-rig.ts";
import { type DevS3Server, startDevS3Server } from "./s3-server/dev-s3-server.ts";

const KEYS = { accessKeyId: "AKIDTEST", secretAccessKey: "secret/with+odd=characters", region: "eu-central-1" };
const DISK_BYTES = 8 * PART_BYTES;

describe("The embedded storage on a disk that is full", () => {
  let disk: SmallDisk | undefined;
  let s3: DevS3Server | undefined;
  let rig: UploadRig | undefined;
  const reported: unknown[] = [];
  after(async () => {
    await rig?.stop();
    await s3?.close();
    await disk?.remove();
  });

  it("refuses bytes with the reason, keeps what is durable, and takes the rest when there is room", async function () {
    disk = await makeSmallDisk(DISK_BYTES);
    if (disk === undefined) {
      console.log("    skipped: this process may not mount a disk");
      this.skip();
    }
    const options = {
      buckets: ["bucket"],
      multipartMinPartBytes: 1,
      onInternalError: (error: unknown) => reported.push(error),
    };
    s3 = await startDevS3Server({ ...KEYS, directory: disk.directory, ...options });
    rig = await UploadRig.start({ s3: { ...KEYS, url: s3.url, bucket: "bucket" } });
    const { service } = rig;
    const bytes = seededBytes(2 * DISK_BYTES);
    const call = rig.create({ sizeBytes: BigInt(bytes.length) });
    const { uploadId } = await call.started();
    call.sendBytes(bytes, { crc32 });
    const says = "storage is full; try again once its operator has made room";
    const status = await expectRefused(call, { code: 14, reason: "STORAGE_FULL", says });
    expect(status.retryAfterMs).to.equal(60_000);
    expect(Number(status.metadata.durable_offset)).to.be.within(PART_BYTES, DISK_BYTES);
    expect(reported.map((error) => (error as { code?: string }).code)).to.include("ENOSPC");
    const readyz = async () => (await callRest(`${service.url}/readyz`, { token: SERVICE_TOKEN })).body;
    const { problems } = await readyz();
    expect(problems.map(({ component }: { component: string }) => component)).to.deep.equal(["storage-writes"]);
    await disk.resize(4 * bytes.length);
    await rig.complete(uploadId, bytes);
    await until("readiness says so", async () => (await readyz()).status === "ready");
  });
});
