import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function roleOf(redshift: Record<string, unknown> | true): string {
  const { template } = generateConfiguration(
    parseSettings({ bucket: "my-files", region: "eu-central-1", account: "111122223333", services: { redshift } }),
  );
  return JSON.stringify(template.resources.RedshiftRole);
}

describe("REDSHIFT", () => {
  it("is trusted to clusters and workgroups of this account and region", () => {
    expect(roleOf(true)).to.include('"arn:aws:redshift:eu-central-1:111122223333:cluster:*"');
    expect(roleOf(true)).to.include('"arn:aws:redshift-serverless:eu-central-1:111122223333:workgroup/*"');
  });

  it("is trusted to the named ones alone, where they are named", () => {
    const role = roleOf({ cluster: "warehouse", workgroup: "0a1b-2c3d" });
    expect(role).to.include("cluster:warehouse").and.include("workgroup/0a1b-2c3d");
    expect(role).to.not.include("cluster:*").and.not.include("workgroup/*");
  });

  it("unloads below its own prefix and deletes nothing", () => {
    expect(roleOf(true)).to.include("arn:aws:s3:::my-files/external/redshift/*").and.not.include("s3:DeleteObject");
  });
});
