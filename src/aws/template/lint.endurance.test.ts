import { expect } from "chai";
import {
  GOLDEN_SETTINGS,
  pairsOf,
  type SaidSettings,
  servicesOf,
  withServices,
} from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { type CfnLint, findCfnLint } from "../../testing/aws/templates/cfn-lint.ts";
import { createTemplateFolder, type TemplateFolder } from "../../testing/aws/templates/template-folder.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { createImport, IMPORTS } from "../print/import-template.ts";
import { printCloudFormation } from "../print/print-cloudformation.ts";
import { parseSettings } from "../settings/parse-settings.ts";

const REGION = "eu-central-1";
const NAMES = servicesOf(REGION);

describe("cfn-lint over generated templates", () => {
  let cfnLint: CfnLint;
  let folder: TemplateFolder;
  before(async function () {
    const found = await findCfnLint();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    cfnLint = found;
    folder = await createTemplateFolder();
  });
  // A suite that skipped itself has no folder.
  after(() => folder?.remove());

  const expectClean = async (all: readonly (readonly [string, SaidSettings])[], region = REGION) => {
    const paths: string[] = [];
    for (const [name, settings] of all) paths.push(await folder.generate(name, settings));
    const findings = await cfnLint.lint(paths, { region });
    expect(findings.map(({ file, rule, path, message }) => `${file}: ${rule} ${path}: ${message}`)).to.deep.equal([]);
  };

  it("finds nothing with any one service switched on", async () => {
    await expectClean(NAMES.map((name) => [name, withServices([name])]));
  });

  it("finds nothing with any service switched on by its options", async () => {
    await expectClean(OPTION_SETTINGS);
  });

  it("finds nothing with any two services switched on", async () => {
    await expectClean(pairsOf(NAMES).map((pair) => [pair.join("+"), withServices(pair)]));
  });

  it("finds nothing with all services switched on", async () => {
    await expectClean([
      ["all", withServices(NAMES)],
      ["all-kms", withServices(NAMES, { encryption: "kms" })],
    ]);
  });

  it("finds nothing in the templates that import what exists", async () => {
    const configuration = generateConfiguration(parseSettings(GOLDEN_SETTINGS.everything));
    const paths = IMPORTS.map((what) =>
      folder.write(`import-${what}`, printCloudFormation(createImport(configuration, what).template)),
    );
    expect(await cfnLint.lint(await Promise.all(paths), { region: REGION })).to.deep.equal([]);
  });

  it("finds nothing in the golden configurations, each linted for its region", async () => {
    const byRegion = Map.groupBy(Object.entries<SaidSettings>(GOLDEN_SETTINGS), ([, { region }]) => region);
    for (const [region, all] of byRegion) await expectClean(all, region);
  });

  it("finds what is wrong in a wrong template", async () => {
    const path = await folder.write(
      "wrong",
      "Resources: {DataBucket: {Type: AWS::S3::Bucket, Properties: {BucketNome: my-files}}}",
    );
    const [finding, ...more] = await cfnLint.lint([path], { region: REGION });
    expect(more).to.deep.equal([]);
    expect(finding).to.include({
      file: "wrong.yaml",
      rule: "E3002",
      path: "Resources/DataBucket/Properties/BucketNome",
    });
  });
});
