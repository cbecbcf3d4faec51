import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function generate(options: Record<string, unknown> | true) {
  return generateConfiguration(
    parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      services: { "opensearch-ingestion": options },
    }),
  ).template;
}

function roleOf(options: Record<string, unknown> | true): string {
  return JSON.stringify(generate(options).resources.OpensearchIngestionRole);
}

describe("OPENSEARCH_INGESTION", () => {
  it("hears of files by a queue of its own, and lists nothing", () => {
    expect(generate(true).resources).to.include.keys("OpensearchIngestionQueue", "OpensearchIngestionRule");
    expect(roleOf(true)).to.include("sqs:ReceiveMessage").and.not.include("s3:ListBucket");
  });

  it("scans instead, with no queue to make or read", () => {
    const names = Object.keys(generate({ source: "scan" }).resources).filter((name) => name.startsWith("Opensearch"));
    expect(names).to.deep.equal(["OpensearchIngestionRole"]);
    expect(roleOf({ source: "scan" }))
      .to.include("s3:ListBucket")
      .and.not.include("sqs:");
  });

  it("writes to the named domain and to no other", () => {
    expect(roleOf(true)).to.not.include('"es:');
    expect(roleOf({ domain: "search" })).to.include("arn:aws:es:eu-central-1:111122223333:domain/search/*");
  });
});
