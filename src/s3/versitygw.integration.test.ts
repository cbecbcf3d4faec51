import { objectStoreContract } from "../testing/object-store-contract.ts";
import { createBucket } from "../testing/s3-judge.ts";
import { createS3Subject, keepVersions } from "../testing/s3-subject.ts";
import { startVersitygw, VERSITYGW_UNABLE } from "../testing/versitygw.ts";

objectStoreContract("createObjectStore on versitygw", async () => {
  const gateway = await startVersitygw();
  if (typeof gateway === "string") return gateway;
  const { endpoint, stop } = gateway;
  await createBucket({ ...endpoint, bucket: "versioned" });
  await keepVersions(endpoint, "versioned");
  return { ...createS3Subject(endpoint, stop), versionedBucket: "versioned", unable: VERSITYGW_UNABLE };
});
