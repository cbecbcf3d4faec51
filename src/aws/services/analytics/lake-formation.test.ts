import { expect } from "chai";
import { withServices } from "../../../testing/aws/golden-settings.ts";
import { generateConfiguration } from "../../generate-configuration.ts";
import { printTerraform } from "../../print/print-terraform.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function generate(names: readonly string[], more: Readonly<Record<string, unknown>> = {}) {
  return generateConfiguration(parseSettings(withServices(names, more)));
}

/** The grants of a configuration: who, on what, and which permissions. */
function grantsOf(names: readonly string[]) {
  return Object.values(generate(names).template.resources)
    .filter(({ type }) => type === "AWS::LakeFormation::PrincipalPermissions")
    .map(({ properties }) => {
      const { DataLakePrincipalIdentifier: who } = properties.Principal as { DataLakePrincipalIdentifier: string };
      return [
        who.replace(/^.*role\/my-files-/, ""),
        Object.keys(properties.Resource as object)[0],
        properties.Permissions,
      ];
    });
}

describe("LAKE_FORMATION", () => {
  it("grants the crawler and the role of queries what they need, where they are there", () => {
    expect(grantsOf(["lake-formation"])).to.deep.equal([]);
    expect(grantsOf(["lake-formation", "glue"])).to.deep.equal([
      ["glue", "DataLocation", ["DATA_LOCATION_ACCESS"]],
      ["glue", "Database", ["CREATE_TABLE", "ALTER", "DESCRIBE"]],
    ]);
    expect(grantsOf(["lake-formation", "athena"])).to.deep.equal([
      ["athena", "Database", ["DESCRIBE"]],
      ["athena", "Table", ["SELECT", "DESCRIBE"]],
    ]);
    expect(grantsOf(["glue", "athena"])).to.deep.equal([]);
  });

  it("registers the external prefix by a role that reads alone", () => {
    const { LakeFormationLocation, LakeFormationRole } = generate(["lake-formation"]).template.resources;
    expect(LakeFormationLocation?.properties).to.include({
      ResourceArn: "arn:aws:s3:::my-files/external",
      UseServiceLinkedRole: false,
      HybridAccessEnabled: true,
    });
    expect(JSON.stringify(LakeFormationRole)).to.include("s3:GetObject").and.not.include("s3:PutObject");
    const strict = generate([], { services: { "lake-formation": { hybrid: false } } }).template.resources;
    expect(strict.LakeFormationLocation?.properties.HybridAccessEnabled).to.equal(false);
  });

  it("is registered by a stack in Terraform, whose provider lacks it", () => {
    const printed = JSON.parse(printTerraform(generate(["lake-formation", "glue"])));
    const { lake_formation_location: stack } = printed.resource.aws_cloudformation_stack;
    expect(stack.template_body).to.include("AWS::LakeFormation::Resource").and.include("${awscc_iam_role.");
    expect(printed.resource.awscc_lakeformation_principal_permissions).to.have.keys(
      "lake_formation_crawler_location",
      "lake_formation_crawler_database",
    );
  });
});
