import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { findCfnGuard } from "../../testing/aws/templates/cfn-guard.ts";
import { findCfnLint } from "../../testing/aws/templates/cfn-lint.ts";
import { createTemplateFolder, type TemplateFolder } from "../../testing/aws/templates/template-folder.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { findExemptions } from "./control-tower-exemptions.ts";

const REGION = "eu-central-1";
const ALL = withServices(servicesOf(REGION));
const RULES = fileURLToPath(new URL("../sluice.guard", import.meta.url));
const WRONG = "Resources: {DataBucket: {Type: AWS::S3::Bucket, Properties: {BucketNome: my-files}}}";

/** One template with everything, and one that is wrong: the endurance tier has each service, each option and each pair. */
describe("judges from outside over the template with all services", () => {
  let folder: TemplateFolder;
  const paths: Record<"all" | "wrong", string> = { all: "", wrong: "" };
  before(async () => {
    folder = await createTemplateFolder();
    paths.all = await folder.generate("all", ALL);
    paths.wrong = await folder.write("wrong", WRONG);
  });
  after(() => folder?.remove());

  it("cfn-lint finds what is wrong alone", async function () {
    const cfnLint = await findCfnLint();
    if (typeof cfnLint === "string") {
      console.log(`    skipped: ${cfnLint}`);
      return this.skip();
    }
    const findings = await cfnLint.lint([paths.all, paths.wrong], { region: REGION });
    expect(findings.map(({ file, rule }) => `${file} ${rule}`)).to.deep.equal(["wrong.yaml E3002"]);
  });

  it("cfn-guard finds the exemptions of Control Tower, and nothing against our own rules", async function () {
    const guard = await findCfnGuard();
    if (typeof guard === "string") {
      console.log(`    skipped: ${guard}`);
      return this.skip();
    }
    const findings = await guard.validate([paths.all], { rules: guard.controlTowerRules });
    const broken = findings.flatMap(({ rule, logicalIds }) => logicalIds.map((logicalId) => `${rule} ${logicalId}`));
    const { template } = generateConfiguration(parseSettings(ALL));
    const exempted = findExemptions(template).flatMap(({ control, resources }) =>
      resources.map((logicalId) => `${control} ${logicalId}`),
    );
    expect(broken).to.have.members(exempted);
    const own = await guard.validate([paths.all, paths.wrong], { rules: RULES });
    expect(new Set(own.map(({ file }) => file))).to.deep.equal(new Set(["wrong.yaml"]));
  });
});
