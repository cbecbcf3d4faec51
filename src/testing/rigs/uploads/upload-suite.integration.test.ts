import { PART_BYTES } from "../service/running-service.ts";
import { UploadRig } from "./upload-rig.ts";
import { describeUploads } from "./upload-suite.ts";

describeUploads("the development S3 server", () => UploadRig.start(), PART_BYTES);
