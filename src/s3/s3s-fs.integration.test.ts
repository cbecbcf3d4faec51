import { objectStoreContract } from "../testing/contracts/objects/object-store-contract.ts";
import { createS3Subject } from "../testing/rigs/storage/s3-subject.ts";
import { S3S_FS_UNABLE, startS3sFs } from "../testing/rigs/storage/s3s-fs.ts";

objectStoreContract("createObjectStore on s3s-fs", async () => {
  const judge = await startS3sFs();
  if (typeof judge === "string") return judge;
  return { ...createS3Subject(judge.endpoint, judge.stop, { checksums: "read-back" }), unable: S3S_FS_UNABLE };
});
