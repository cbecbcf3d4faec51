// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${` is of the languages that are printed
import { expect } from "chai";
import { GOLDEN_SETTINGS, servicesOf, withServices } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { lookUpIdentity } from "../../testing/aws/templates/resource-spec.ts";
import { findTerraformBreaches } from "../../testing/aws/templates/terraform-schema.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Template } from "../template/template.ts";
import { printTerraform } from "./print-terraform.ts";

describe("the schemas of Terraform's providers", () => {
  const NAMES = servicesOf("eu-central-1");
  const configurations: Readonly<Record<string, unknown>> = {
    ...GOLDEN_SETTINGS,
    ...Object.fromEntries(OPTION_SETTINGS),
    ...Object.fromEntries(NAMES.map((name) => [`${name} alone`, withServices([name])])),
    "CloudFront in its own region": withServices(["cloudfront"], { region: "us-east-1" }),
  };
  for (const [name, settings] of Object.entries(configurations)) {
    it(`have every type, attribute and reference of "${name}"`, () => {
      expect(findTerraformBreaches(print(settings))).to.deep.equal([]);
    });
  }

  it("have as id what Ref gives, of every type that is referred to", () => {
    const templates = Object.values(configurations).map((said) => generateConfiguration(parseSettings(said)).template);
    const types = new Set(templates.flatMap(typesReferredTo));
    expect([...types]).to.include.members(["AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::CloudFront::Distribution"]);
    for (const type of types) {
      const { ref, primary } = lookUpIdentity(type);
      expect(ref, type).to.have.lengthOf(1);
      expect(ref, type).to.deep.equal(primary);
    }
  });

  const wrong: readonly (readonly [string, object, string])[] = [
    ["type", { awscc_s3_buckets: { a: {} } }, "awscc_s3_buckets.a: there is no resource type awscc_s3_buckets"],
    ["attribute", bucket({ bucket_nome: "x" }), "awscc_s3_bucket.a: there is no attribute bucket_nome"],
    [
      "nested attribute",
      bucket({ lifecycle_configuration: { rules: [{}, { prefiks: "x" }] } }),
      "awscc_s3_bucket.a.lifecycle_configuration.rules[1]: there is no attribute prefiks",
    ],
    ["list", bucket({ tags: { key: "a" } }), "awscc_s3_bucket.a.tags is no list"],
    ["structure", bucket({ cors_configuration: [] }), "awscc_s3_bucket.a.cors_configuration is no object"],
    ["text", bucket({ bucket_name: {} }), "awscc_s3_bucket.a.bucket_name is no string"],
    ["truth value", bucket({ object_lock_enabled: "true" }), "awscc_s3_bucket.a.object_lock_enabled is no boolean"],
    ["map", vault({ backup_vault_tags: ["a"] }), "awscc_backup_backup_vault.a.backup_vault_tags is no object"],
    [
      "value in a map",
      vault({ backup_vault_tags: { Team: 1 } }),
      "awscc_backup_backup_vault.a.backup_vault_tags.Team is no string",
    ],
    [
      "dependency",
      bucket({ depends_on: ["awscc_s3_bucket.b"] }),
      "awscc_s3_bucket.a: there is no resource awscc_s3_bucket.b",
    ],
    [
      "resource in an expression",
      bucket({ bucket_name: "x-${awscc_s3_bucket.b.id}" }),
      "awscc_s3_bucket.a: there is no resource for awscc_s3_bucket.b.id",
    ],
    [
      "attribute in an expression",
      bucket({ bucket_name: "${awscc_s3_bucket.a.name}" }),
      "awscc_s3_bucket.a: there is no attribute for awscc_s3_bucket.a.name",
    ],
  ];
  for (const [what, resource, sentence] of wrong) {
    it(`find an unknown or misplaced ${what}`, () => {
      expect(findTerraformBreaches(JSON.stringify({ resource, output: {} }))).to.deep.equal([sentence]);
    });
  }

  it("find outputs that refer to nothing, and take escaped texts for texts", () => {
    const output = { a: { value: "${awscc_s3_bucket.b.id}" } };
    const resource = bucket({ bucket_name: "$${aws:username}", "//": "${nothing}" });
    expect(findTerraformBreaches(JSON.stringify({ resource, output }))).to.deep.equal([
      "output: there is no resource for awscc_s3_bucket.b.id",
    ]);
  });
});

function print(settings: unknown): string {
  return printTerraform(generateConfiguration(parseSettings(settings)));
}

/** Types of the resources that a template's `Ref`s refer to. */
function typesReferredTo(template: Template): string[] {
  const properties = Object.values(template.resources).map((one) => one.properties);
  const text = JSON.stringify([properties, Object.values(template.outputs)]);
  return [...text.matchAll(/"Ref":"(\w+)"/g)].map(
    ([, logicalId = ""]) => template.resources[logicalId]?.type ?? logicalId,
  );
}

function bucket(body: object): object {
  return { awscc_s3_bucket: { a: body } };
}

function vault(body: object): object {
  return { awscc_backup_backup_vault: { a: body } };
}
