import { objectStoreContract } from "../testing/object-store-contract.ts";
import { createS3Subject } from "../testing/s3-subject.ts";
import { startVersitygw, VERSITYGW_UNABLE } from "../testing/versitygw.ts";

objectStoreContract("createObjectStore on versitygw", async () => {
  const gateway = await startVersitygw();
  return typeof gateway === "string"
    ? gateway
    : { ...createS3Subject(gateway.endpoint, gateway.stop), unable: VERSITYGW_UNABLE };
});
