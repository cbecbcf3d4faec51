import { type Moto, startMoto } from "../../../testing/aws/live/moto.ts";
import { createMotoLiveAws, MOTO_LACKS, type MotoLiveAws } from "../../../testing/aws/live/moto-live-aws.ts";
import { liveAwsContract } from "../../../testing/contracts/aws/live-aws-contract.ts";

const REGION = "eu-central-1";

describe("createLiveAws on moto", () => {
  let moto: Moto | undefined;
  let aws: MotoLiveAws;

  before(async function () {
    const started = await startMoto();
    if (typeof started === "string") {
      console.log(`    skipped: ${started}`);
      return this.skip();
    }
    moto = started;
    aws = createMotoLiveAws(moto, REGION);
  });
  beforeEach(async () => await moto?.reset());
  after(async () => {
    aws?.close();
    await moto?.stop();
  });

  liveAwsContract(() => ({ ...aws, region: REGION, unable: MOTO_LACKS }));
});
