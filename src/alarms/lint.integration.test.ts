import { join } from "node:path";
import { expect } from "chai";
import { type CfnLint, findCfnLint } from "../testing/aws/templates/cfn-lint.ts";
import { createDeployedFiles } from "./deployed-files.ts";

const TOP = join(import.meta.dirname, "../..");

describe("cfn-lint over the templates of deploy/cloudwatch", () => {
  let cfnLint: CfnLint;
  before(async function () {
    const found = await findCfnLint();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    cfnLint = found;
  });

  it("finds nothing", async () => {
    const paths = Object.keys(createDeployedFiles()).filter((path) => path.startsWith("deploy/cloudwatch/"));
    expect(
      await cfnLint.lint(
        paths.map((path) => join(TOP, path)),
        { region: "eu-central-1" },
      ),
    ).to.deep.equal([]);
  });
});
