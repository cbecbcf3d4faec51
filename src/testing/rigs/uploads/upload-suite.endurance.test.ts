import type { S3Judge } from "../storage/s3-judge.ts";
import { startVersitygw } from "../storage/versitygw.ts";
import { UploadRig } from "./upload-rig.ts";
import { describeUploads, S3_PART_MIN_BYTES } from "./upload-suite.ts";

describe("With versitygw", () => {
  let versitygw: S3Judge | undefined;
  after(() => versitygw?.stop());

  describeUploads(
    "versitygw",
    async () => {
      const started = await startVersitygw();
      if (typeof started === "string") return started;
      versitygw = started;
      return await UploadRig.start({
        s3: started.endpoint,
        settings: {
          SLUICE_PART_SIZE_BYTES: String(S3_PART_MIN_BYTES),
          SLUICE_MEMORY_BUDGET_BYTES: String(16 * S3_PART_MIN_BYTES),
        },
      });
    },
    S3_PART_MIN_BYTES,
  );
});
