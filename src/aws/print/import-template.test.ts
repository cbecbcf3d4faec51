import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { OPTION_SETTINGS } from "../../testing/aws/option-settings.ts";
import { findSpecBreaches, lookUpIdentity } from "../../testing/aws/templates/resource-spec.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Properties } from "../template/value.ts";
import { createImport, IMPORTS } from "./import-template.ts";
import { printCloudFormation } from "./print-cloudformation.ts";

const everything = generateConfiguration(parseSettings(GOLDEN_SETTINGS.everything));

describe("createImport", () => {
  it("takes the bucket alone, its policy as well, or all that outlives a stack", () => {
    const namesOf = (what: (typeof IMPORTS)[number]) => Object.keys(createImport(everything, what).template.resources);
    expect(namesOf("bucket")).to.deep.equal(["DataBucket"]);
    expect(namesOf("policy")).to.deep.equal(["DataBucket", "DataBucketPolicy"]);
    expect(namesOf("retained")).to.have.members([
      ...["LogBucket", "LogBucketPolicy", "DataBucket", "DataBucketPolicy", "AnchorBucket", "AnchorBucketPolicy"],
      ...["ReplicationBucket", "ReplicationBucketPolicy", "BackupVault"],
      ...["CloudtrailLogGroup", "CloudwatchLogGroup", "EventbridgeLogGroup"],
    ]);
  });

  it("lists each by what identifies it to CloudFormation", () => {
    for (const [, said] of [...Object.entries(GOLDEN_SETTINGS), ...OPTION_SETTINGS]) {
      const { template, list } = createImport(generateConfiguration(parseSettings(said)), "retained");
      expect(list.map(({ LogicalResourceId }) => LogicalResourceId)).to.deep.equal(Object.keys(template.resources));
      for (const { ResourceType, ResourceIdentifier } of list) {
        expect(Object.keys(ResourceIdentifier as Properties)).to.deep.equal(
          lookUpIdentity(String(ResourceType)).primary,
        );
        expect(Object.values(ResourceIdentifier as Properties)[0]).to.be.a("string");
      }
    }
  });

  it("says all that the types ask for, keeps each, and refers to nothing that is not there", () => {
    for (const what of IMPORTS) {
      const { template } = createImport(everything, what);
      expect(findSpecBreaches(template)).to.deep.equal([]);
      expect(printCloudFormation(template)).to.not.match(/Fn::GetAtt|DependsOn|Outputs:/);
      for (const { isRetained } of Object.values(template.resources)) expect(isRetained).to.equal(true);
      expect(printCloudFormation(template)).to.not.contain("RetainExceptOnCreate");
    }
  });

  it("lets CloudFormation delete what a failed deployment made, and nothing else that is kept", () => {
    const kept = Object.values(everything.template.resources).filter(({ isRetained }) => isRetained);
    const printed = printCloudFormation(everything.template);
    expect(kept).to.have.length.above(9);
    expect(printed.match(/DeletionPolicy: RetainExceptOnCreate\n {4}UpdateReplacePolicy: Retain\n/g)).to.have.length(
      kept.length,
    );
    expect(printed).to.not.contain("DeletionPolicy: Retain\n");
  });

  it("leaves something to deploy of every policy and bucket", () => {
    const { template } = createImport(everything, "retained");
    for (const [name, { type, properties }] of Object.entries(template.resources)) {
      if (!type.startsWith("AWS::S3::")) continue;
      const whole = everything.template.resources[name]?.properties;
      expect(JSON.stringify(properties), name).to.not.equal(JSON.stringify(whole));
    }
  });
});
