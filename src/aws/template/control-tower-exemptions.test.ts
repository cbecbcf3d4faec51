import { expect } from "chai";
import { SMALLEST_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { CONTROL_TOWER_EXEMPTIONS, findExemptions } from "./control-tower-exemptions.ts";

describe("CONTROL_TOWER_EXEMPTIONS", () => {
  it("says each control once, with its resources and a reason in sentences", () => {
    const controls = CONTROL_TOWER_EXEMPTIONS.map(({ control }) => control);
    expect(controls).to.deep.equal([...new Set(controls)]);
    for (const { control, resources, reason } of CONTROL_TOWER_EXEMPTIONS) {
      expect(control).to.match(/^CT\.[A-Z0-9]+\.PR\.\d+$/);
      expect(resources).to.deep.equal([...new Set(resources)]).and.not.be.empty;
      expect(reason, control).to.match(/^[A-Z].{20,}\.$/);
    }
  });
});

describe("findExemptions", () => {
  it("finds those of a template's own resources", () => {
    const { template } = generateConfiguration(parseSettings(SMALLEST_SETTINGS));
    const found = findExemptions(template);
    expect(found.find(({ control }) => control === "CT.S3.PR.10")?.resources).to.deep.equal([
      "DataBucket",
      "LogBucket",
    ]);
    expect(found.flatMap(({ resources }) => resources)).to.not.include("AnchorBucket");
  });

  it("leaves out what options have met", () => {
    const controlsOf = (options: unknown) => {
      const settings = parseSettings({ ...SMALLEST_SETTINGS, services: { cloudtrail: options } });
      return findExemptions(generateConfiguration(settings).template).map(({ control }) => control);
    };
    expect(controlsOf({ logGroup: false }))
      .to.include("CT.CLOUDTRAIL.PR.3")
      .and.not.include("CT.CLOUDWATCH.PR.3");
    expect(controlsOf(true)).to.include("CT.CLOUDWATCH.PR.3").and.not.include("CT.CLOUDTRAIL.PR.3");
  });
});
