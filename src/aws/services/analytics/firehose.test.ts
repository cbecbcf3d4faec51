import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function generate(firehose: Record<string, unknown> | true) {
  return generateConfiguration(
    parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333", services: { firehose } }),
  ).template.resources;
}

describe("FIREHOSE", () => {
  it("may write into the one log stream that it is given", () => {
    const { FirehoseRole, FirehoseLogGroup, FirehoseLogStream } = generate({ logDays: 30 });
    expect(FirehoseLogGroup?.properties.RetentionInDays).to.equal(30);
    expect(FirehoseLogStream?.properties.LogGroupName).to.equal(FirehoseLogGroup?.properties.LogGroupName);
    expect(JSON.stringify(FirehoseRole)).to.include(
      "log-group:/aws/kinesisfirehose/my-files-firehose:log-stream:S3Delivery",
    );
  });

  it("logs no errors where that is switched off", () => {
    const resources = generate({ errorLogging: false });
    expect(Object.keys(resources).filter((name) => name.startsWith("Firehose"))).to.deep.equal(["FirehoseRole"]);
    expect(JSON.stringify(resources.FirehoseRole)).to.not.include("logs:");
  });
});
