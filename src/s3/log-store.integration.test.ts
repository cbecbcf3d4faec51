import { CreateBucketCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { expect } from "chai";
import { logStoreContract } from "../testing/contracts/log-store-contract.ts";
import { fromNow } from "../testing/rigs/from-now.ts";
import { startDevS3 } from "../testing/rigs/storage/dev-s3.ts";
import type { S3Judge } from "../testing/rigs/storage/s3-judge.ts";
import { createTestAccess, type S3Endpoint } from "../testing/rigs/storage/s3-subject.ts";
import { startVersitygw } from "../testing/rigs/storage/versitygw.ts";
import { createLogStore } from "./log-store.ts";

const DAY_MS = 86_400_000;
/** The adapter's clock, which stands still. */
const NOW = fromNow(60_000);
const place = (bucket: string) => ({ bucket, prefix: "audit/", lockMs: 10 * DAY_MS, now: () => NOW });

function createSubject(endpoint: S3Endpoint, stop: () => Promise<void>) {
  const ours = createTestAccess(endpoint);
  const stranger = createTestAccess({ ...endpoint, secretAccessKey: "not-the-secret" });
  return {
    store: createLogStore(ours.access, place(endpoint.bucket)),
    withWrongSecret: createLogStore(stranger.access, place(endpoint.bucket)),
    close: async () => {
      ours.close();
      stranger.close();
      await stop();
    },
  };
}

logStoreContract("createLogStore on the development S3 server", async () => {
  const { endpoint, stop } = await startDevS3();
  return createSubject(endpoint, stop);
});

logStoreContract("createLogStore on versitygw", async () => {
  const gateway = await startVersitygw();
  return typeof gateway === "string" ? gateway : createSubject(gateway.endpoint, gateway.stop);
});

describe("createLogStore in a bucket with Object Lock", () => {
  let gateway: S3Judge;
  before(async function () {
    const started = await startVersitygw();
    if (typeof started === "string") {
      console.log(`      Object Lock: skipped, ${started}`);
      return this.skip();
    }
    gateway = started;
  });
  after(() => gateway?.stop());

  it("locks what is to be locked for as long as it is to be kept, and nothing else", async () => {
    const { access, close } = createTestAccess(gateway.endpoint);
    const bucket = "locked";
    await access.client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    const store = createLogStore(access, place(bucket));
    for (const [path, isLocked] of [
      ["tile/0/000", true],
      ["tile/0/001.p/7", false],
    ] as const)
      await store.create(path, Buffer.from("x"), { isLocked });
    await store.replace("checkpoint", Buffer.from("x"), undefined);
    const read = async (path: string) => {
      const command = new HeadObjectCommand({ Bucket: bucket, Key: `audit/${path}` });
      const { ObjectLockMode: mode, ObjectLockRetainUntilDate: until } = await access.client.send(command);
      return { mode, days: until && Math.round((until.getTime() - NOW.getTime()) / DAY_MS) };
    };
    expect(await read("tile/0/000")).to.deep.equal({ mode: "GOVERNANCE", days: 10 });
    for (const path of ["tile/0/001.p/7", "checkpoint"])
      expect(await read(path)).to.deep.equal({ mode: undefined, days: undefined });
    close();
  });
});
