import { expect } from "chai";
import { GOLDEN_SETTINGS, type SaidSettings, servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { type CfnGuard, findCfnGuard, type GuardFinding } from "../../testing/aws/templates/cfn-guard.ts";
import { createTemplateFolder, type TemplateFolder } from "../../testing/aws/templates/template-folder.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { CONTROL_TOWER_EXEMPTIONS, findExemptions } from "./control-tower-exemptions.ts";

const NAMES = servicesOf("eu-central-1");

/** The package has rules for all types; those for types that a template does not have find nothing in it. */
describe("AWS Control Tower's rules over generated templates", () => {
  let guard: CfnGuard;
  let folder: TemplateFolder;
  const seen = new Set<string>();
  before(async function () {
    const found = await findCfnGuard();
    if (typeof found === "string") {
      console.log(`    skipped: ${found}`);
      this.skip();
    }
    guard = found;
    folder = await createTemplateFolder();
  });
  // A suite that skipped itself has no folder.
  after(() => folder?.remove());

  /** The broken rules must be exactly those that are exempted. */
  const expectExempted = async (all: readonly (readonly [string, SaidSettings])[]) => {
    const paths: string[] = [];
    for (const [name, settings] of all) paths.push(await folder.generate(name, settings));
    const findings = await guard.validate(paths, { rules: guard.controlTowerRules });
    const exempted = all.map(([name, settings]) => [name, toExempted(settings)] as const);
    for (const failure of exempted.flatMap(([, failures]) => failures)) seen.add(failure);
    const broken = all.map(([name]) => [name, toFailures(findings.filter(({ file }) => file === `${name}.yaml`))]);
    expect(Object.fromEntries(broken)).to.deep.equal(Object.fromEntries(exempted));
  };

  it("find the exemptions and nothing else with all services switched on", async () => {
    await expectExempted([["all", withServices(NAMES)]]);
  });

  it("find the exemptions and nothing else with any one service switched on", async () => {
    await expectExempted(NAMES.map((name) => [name, withServices([name])]));
  });

  it("find the exemptions and nothing else with any service switched on by its options", async () => {
    await expectExempted(OPTION_SETTINGS);
  });

  it("find the exemptions and nothing else in the golden configurations", async () => {
    await expectExempted(Object.entries<SaidSettings>(GOLDEN_SETTINGS));
  });

  it("need every exemption somewhere", () => {
    const all = CONTROL_TOWER_EXEMPTIONS.flatMap(({ control, resources }) => resources.map((id) => `${control} ${id}`));
    expect(all.filter((exemption) => !seen.has(exemption))).to.deep.equal([]);
  });

  it("find what is wrong in a wrong template", async () => {
    const path = await folder.write("wrong", "Resources: {DataBucket: {Type: AWS::S3::Bucket, Properties: {}}}");
    const findings = await guard.validate([path], { rules: guard.controlTowerRules });
    expect(findings).to.deep.include({ file: "wrong.yaml", rule: "CT.S3.PR.1", logicalIds: ["DataBucket"] });
  });
});

function toFailures(findings: readonly GuardFinding[]): string[] {
  // A failure that names no resource must not pass as none.
  const named = findings.map(({ rule, logicalIds }) => [rule, logicalIds.length === 0 ? ["?"] : logicalIds] as const);
  return named.flatMap(([rule, logicalIds]) => logicalIds.map((logicalId) => `${rule} ${logicalId}`)).sort();
}

function toExempted(settings: SaidSettings): string[] {
  const { template } = generateConfiguration(parseSettings(settings));
  return findExemptions(template)
    .flatMap(({ control, resources }) => resources.map((logicalId) => `${control} ${logicalId}`))
    .sort();
}
