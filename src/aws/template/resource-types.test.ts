import { expect } from "chai";
import { GOLDEN_SETTINGS, servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { findSpecBreaches } from "../../testing/aws/templates/resource-spec.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { Policy } from "../policy/policy.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Resource, Template } from "./template.ts";
import { FreeForm, type Properties, type Value } from "./value.ts";

const NAMES = servicesOf("eu-central-1");

describe("AWS's specification of resources", () => {
  it("has every type and property of the template with all services switched on", () => {
    expect(findSpecBreaches(generate(withServices(NAMES)))).to.deep.equal([]);
  });

  for (const name of NAMES) {
    it(`has every type and property of the template with ${name} switched on`, () => {
      expect(findSpecBreaches(generate(withServices([name])))).to.deep.equal([]);
    });
  }

  for (const [name, settings] of [...Object.entries(GOLDEN_SETTINGS), ...OPTION_SETTINGS]) {
    it(`has every type and property of the configuration "${name}"`, () => {
      expect(findSpecBreaches(generate(settings))).to.deep.equal([]);
    });
  }

  const bucket = { type: "AWS::S3::Bucket", properties: { BucketName: "my-files" } };
  const lambda = "AWS::Lambda::Permission";
  const vault = "AWS::Backup::BackupVault";
  const wrong: readonly (readonly [string, { type: string; properties: Properties }, string])[] = [
    ["misspelt type", { ...bucket, type: "AWS::S3::Buckett" }, "It: there is no resource type AWS::S3::Buckett"],
    ["misspelt property", { ...bucket, properties: { BucketNome: "my-files" } }, "It: there is no property BucketNome"],
    [
      "misspelt nested property",
      withProperty("VersioningConfiguration", { Status: "Enabled", State: "On" }),
      "It.VersioningConfiguration: there is no property State",
    ],
    [
      "misspelt property in a list",
      withProperty("LifecycleConfiguration", { Rules: [{ Status: "Enabled" }, { Status: "Enabled", Prefiks: "x/" }] }),
      "It.LifecycleConfiguration.Rules[1]: there is no property Prefiks",
    ],
    [
      "missing nested property",
      withProperty("LifecycleConfiguration", {}),
      "It.LifecycleConfiguration: Rules is missing",
    ],
    [
      "missing property",
      { type: lambda, properties: { Action: "lambda:InvokeFunction", FunctionName: "f" } },
      "It: Principal is missing",
    ],
    ["single value for a list", withProperty("Tags", { Key: "Team", Value: "files" }), "It.Tags is no list"],
    ["tag without a value", withProperty("Tags", [{ Key: "Team" }]), "It.Tags[0]: Value is missing"],
    ["text for a tag", withProperty("Tags", ["Team"]), "It.Tags[0] is no tag"],
    ["map for a text", withProperty("BucketName", { Name: "my-files" }), "It.BucketName is no string"],
    ["policy for a text", withProperty("BucketName", new Policy([])), "It.BucketName is no string"],
    ["text for a part", withProperty("VersioningConfiguration", "Enabled"), "It.VersioningConfiguration is no map"],
    [
      "plain object for open JSON",
      { type: "AWS::SQS::Queue", properties: { RedriveAllowPolicy: { redrivePermission: "allowAll" } } },
      "It.RedriveAllowPolicy is open JSON and stands as no leaf of it",
    ],
    [
      "map for open JSON",
      { type: "AWS::SQS::Queue", properties: { RedriveAllowPolicy: new FreeForm("map", {}) } },
      "It.RedriveAllowPolicy is open JSON and stands as no leaf of it",
    ],
    [
      "plain object for a map",
      { type: vault, properties: { BackupVaultName: "v", BackupVaultTags: { Team: "files" } } },
      "It.BackupVaultTags is a map and stands as no leaf of it",
    ],
    [
      "open JSON for a structure",
      withProperty("VersioningConfiguration", new FreeForm("json", { Status: "Enabled" })),
      "It.VersioningConfiguration is a structure and stands as a leaf",
    ],
    [
      "leaf for a tag",
      withProperty("Tags", [new FreeForm("map", { Key: "Team", Value: "x" })]),
      "It.Tags[0] is no tag",
    ],
  ];
  for (const [what, resource, sentence] of wrong) {
    it(`finds a ${what}`, () => {
      expect(findSpecBreaches(templateOf(resource))).to.deep.equal([sentence]);
    });
  }

  it("takes policies, open JSON and maps where they belong", () => {
    const [json, map] = [new FreeForm("json", { a: { b: 1 } }), new FreeForm("map", { Team: "files" })];
    for (const resource of [
      { type: "AWS::SQS::Queue", properties: { RedrivePolicy: json } },
      { type: "AWS::IAM::Role", properties: { AssumeRolePolicyDocument: new Policy([]) } },
      { type: vault, properties: { BackupVaultName: "v", BackupVaultTags: map } },
    ]) {
      expect(findSpecBreaches(templateOf(resource))).to.deep.equal([]);
    }
  });

  it("takes an intrinsic function for any value", () => {
    const resource = withProperty("VersioningConfiguration", { "Fn::GetAtt": ["Other", "Versioning"] });
    expect(findSpecBreaches(templateOf(resource))).to.deep.equal([]);
  });
});

function generate(settings: unknown): Template {
  return generateConfiguration(parseSettings(settings)).template;
}

function withProperty(name: string, value: Value): { type: string; properties: Properties } {
  return { type: "AWS::S3::Bucket", properties: { [name]: value } };
}

function templateOf(resource: Pick<Resource, "type" | "properties">): Template {
  return { description: "", rules: {}, outputs: {}, resources: { It: { ...resource, why: "planted", source: "" } } };
}
