import { objectStoreContract } from "../testing/contracts/objects/object-store-contract.ts";
import { createBucket } from "../testing/rigs/storage/s3-judge.ts";
import { createS3Subject, keepVersions } from "../testing/rigs/storage/s3-subject.ts";
import { startVersitygw, VERSITYGW_UNABLE } from "../testing/rigs/storage/versitygw.ts";

objectStoreContract("createObjectStore on versitygw", async () => {
  const gateway = await startVersitygw();
  if (typeof gateway === "string") return gateway;
  const { endpoint, stop } = gateway;
  await createBucket({ ...endpoint, bucket: "versioned" });
  await keepVersions(endpoint, "versioned");
  await createBucket({ ...endpoint, bucket: "locked" }, { hasObjectLock: true });
  const buckets = { versionedBucket: "versioned", lockedBucket: "locked" };
  return { ...createS3Subject(endpoint, stop), ...buckets, unable: VERSITYGW_UNABLE };
});
