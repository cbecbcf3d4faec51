import { PART_BYTES } from "./running-service.ts";
import { UploadRig } from "./upload-rig.ts";
import { describeUploads } from "./upload-suite.ts";
import { startVersitygw, type Versitygw } from "./versitygw.ts";

/** S3's smallest part but the last, which versitygw insists on too. */
const S3_PART_MIN_BYTES = 5 * 2 ** 20;

describeUploads("the development S3 server", () => UploadRig.start(), PART_BYTES);

describe("With versitygw", () => {
  let versitygw: Versitygw | undefined;
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
