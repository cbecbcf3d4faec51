import { objectStoreContract } from "../testing/contracts/objects/object-store-contract.ts";
import { createBucket } from "../testing/rigs/storage/s3-judge.ts";
import { createS3Subject, keepVersions } from "../testing/rigs/storage/s3-subject.ts";
import { SEAWEEDFS_UNABLE, startSeaweedfs } from "../testing/rigs/storage/seaweedfs.ts";

objectStoreContract("createObjectStore on SeaweedFS", async () => {
  const judge = await startSeaweedfs();
  if (typeof judge === "string") return judge;
  const { endpoint, stop } = judge;
  await createBucket({ ...endpoint, bucket: "versioned" });
  await keepVersions(endpoint, "versioned");
  await createBucket({ ...endpoint, bucket: "locked" }, { hasObjectLock: true });
  const buckets = { versionedBucket: "versioned", lockedBucket: "locked" };
  return { ...createS3Subject(endpoint, stop), ...buckets, unable: SEAWEEDFS_UNABLE };
});
