import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function namesWith(emr: Record<string, boolean>, region = "eu-central-1"): string[] {
  const { template } = generateConfiguration(
    parseSettings({ bucket: "my-files", region, account: "111122223333", services: { emr } }),
  );
  return [...Object.keys(template.resources), ...Object.keys(template.outputs)].filter((name) =>
    name.startsWith("Emr"),
  );
}

describe("EMR", () => {
  it("makes what clusters need, what serverless jobs need, or both", () => {
    const cluster = ["EmrInstanceRole", "EmrInstanceProfile"];
    expect(namesWith({ serverless: false })).to.deep.equal([...cluster, "EmrInstanceProfileName"]);
    expect(namesWith({ ec2: false })).to.deep.equal(["EmrServerlessRole", "EmrServerlessRoleArn"]);
    expect(namesWith({})).to.include.members([...cluster, "EmrServerlessRole"]);
  });

  it("refuses to be switched on for nobody", () => {
    expect(() => namesWith({ ec2: false, serverless: false })).to.throw(AggregateError, /leave ec2 or serverless on/);
  });
});
