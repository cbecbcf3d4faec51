import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function generate(athena: Record<string, unknown> | true) {
  return generateConfiguration(
    parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333", services: { athena } }),
  ).template.resources;
}

describe("ATHENA", () => {
  it("enforces where results go and how they are encrypted", () => {
    const workgroup = JSON.stringify(generate(true).AthenaWorkgroup);
    expect(workgroup).to.include('"EnforceWorkGroupConfiguration":true').and.include('"EncryptionOption":"SSE_S3"');
    expect(workgroup).to.include("s3://my-files/external/athena/").and.not.include("BytesScannedCutoffPerQuery");
  });

  it("bounds what a query may scan, where that is said", () => {
    expect(JSON.stringify(generate({ queryBytesMax: 10_000_000 }).AthenaWorkgroup)).to.include(
      '"BytesScannedCutoffPerQuery":10000000',
    );
  });

  it("has the bucket remove results, and keeps the bucket's own rules", () => {
    const rules = JSON.stringify(generate({ resultDays: 7 }).DataBucket?.properties.LifecycleConfiguration);
    expect(rules).to.include('"Prefix":"external/athena/","ExpirationInDays":7');
    expect(rules).to.include("AbortIncompleteMultipartUploads");
  });
});
