import { expect } from "chai";
import { type CfnGuard, findCfnGuard, type GuardFinding } from "../testing/cfn-guard.ts";
import { GOLDEN_SETTINGS, type SaidSettings, servicesOf, withServices } from "../testing/golden-settings.ts";
import { createTemplateFolder, type TemplateFolder } from "../testing/template-folder.ts";
import { CONTROL_TOWER_EXEMPTIONS } from "./control-tower-exemptions.ts";

const NAMES = servicesOf("eu-central-1");
const EXEMPTED = new Set(
  CONTROL_TOWER_EXEMPTIONS.flatMap(({ control, resources }) => resources.map((logicalId) => `${control} ${logicalId}`)),
);

/** Every rule of the package: those for types that a template does not have find nothing in it. */
describe("AWS Control Tower's rules over generated templates", function () {
  this.timeout(180_000);
  let guard: CfnGuard;
  let folder: TemplateFolder;
  const broken = new Set<string>();
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

  const expectExempted = async (all: readonly (readonly [string, SaidSettings])[]) => {
    const paths: string[] = [];
    for (const [name, settings] of all) paths.push(await folder.generate(name, settings));
    const findings = await guard.validate(paths, { rules: guard.controlTowerRules });
    for (const failure of findings.flatMap(toFailures)) broken.add(failure);
    expect(findings.flatMap(toUnexempted)).to.deep.equal([]);
  };

  it("find nothing beyond the exemptions with all services switched on", async () => {
    await expectExempted([["all", withServices(NAMES)]]);
  });

  it("find nothing beyond the exemptions with any one service switched on", async () => {
    await expectExempted(NAMES.map((name) => [name, withServices([name])]));
  });

  it("find nothing beyond the exemptions in the ten golden configurations", async () => {
    await expectExempted(Object.entries<SaidSettings>(GOLDEN_SETTINGS));
  });

  it("need every exemption", () => {
    expect([...EXEMPTED].filter((exemption) => !broken.has(exemption))).to.deep.equal([]);
  });

  it("find what is wrong in a wrong template", async () => {
    const path = await folder.write("wrong", "Resources: {DataBucket: {Type: AWS::S3::Bucket, Properties: {}}}");
    const findings = await guard.validate([path], { rules: guard.controlTowerRules });
    expect(findings).to.deep.include({ file: "wrong.yaml", rule: "CT.S3.PR.1", logicalIds: ["DataBucket"] });
  });
});

function toFailures({ rule, logicalIds }: GuardFinding): string[] {
  // A failure that names no resource must not pass for none.
  return (logicalIds.length === 0 ? [""] : logicalIds).map((logicalId) => `${rule} ${logicalId}`);
}

function toUnexempted(finding: GuardFinding): string[] {
  return toFailures(finding)
    .filter((failure) => !EXEMPTED.has(failure))
    .map((failure) => `${finding.file}: ${failure}`);
}
