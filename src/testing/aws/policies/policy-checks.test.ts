import { expect } from "chai";
import { type Configuration, generateConfiguration } from "../../../aws/generate-configuration.ts";
import { Policy, type Statement } from "../../../aws/policy/policy.ts";
import { SERVICES } from "../../../aws/services/services.ts";
import { parseSettings } from "../../../aws/settings/parse-settings.ts";
import type { Properties } from "../../../aws/template/value.ts";
import { GOLDEN_SETTINGS } from "../golden-settings.ts";
import { OPTION_SETTINGS } from "../option-settings.ts";
import { findPolicyMistakes } from "./policy-checks.ts";

function generate(names: readonly string[], said: Record<string, unknown> = {}): Configuration {
  const services = Object.fromEntries(names.map((name) => [name, true]));
  const least = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
  return generateConfiguration(parseSettings({ ...least, ...said, services }));
}

const good = generate(["firehose", "replication"]);

/** The good configuration with other properties of one resource. */
function withProperties(logicalId: string, change: (properties: Properties) => Properties): Configuration {
  const resource = good.template.resources[logicalId];
  if (resource === undefined) throw new Error(`there is no ${logicalId}`);
  const resources = {
    ...good.template.resources,
    [logicalId]: { ...resource, properties: change(resource.properties) },
  };
  return { ...good, template: { ...good.template, resources } };
}

/** The good configuration with the first statement of Firehose's role changed. */
function withRoleStatement(change: Partial<Statement>): Configuration {
  return withProperties("FirehoseRole", (properties) => {
    const [policy] = properties.Policies as readonly [Properties];
    const [first, ...others] = (policy.PolicyDocument as Policy).statements;
    const PolicyDocument = new Policy([{ ...first, ...change } as Statement, ...others]);
    return { ...properties, Policies: [{ ...policy, PolicyDocument }] };
  });
}

function withTrust(change: Partial<Statement>): Configuration {
  return withProperties("FirehoseRole", (properties) => {
    const [first] = (properties.AssumeRolePolicyDocument as Policy).statements;
    return { ...properties, AssumeRolePolicyDocument: new Policy([{ ...first, ...change } as Statement]) };
  });
}

/** Expects that one mistake is found, and that its sentence has these words. */
async function expectMistake(configuration: Configuration, words: string): Promise<void> {
  const found = await findPolicyMistakes(configuration);
  expect(found).to.have.length(1);
  expect(found[0]).to.include(words);
}

describe("findPolicyMistakes", () => {
  it("finds none with every service, and with each alone", async () => {
    const names = SERVICES.map(({ name }) => name);
    expect(await findPolicyMistakes(generate(names, { anchors: {} }))).to.deep.equal([]);
    for (const name of names) expect(await findPolicyMistakes(generate([name])), name).to.deep.equal([]);
  });

  it("finds none with other options and in other partitions", async () => {
    for (const [name, said] of [...OPTION_SETTINGS, ...Object.entries(GOLDEN_SETTINGS)]) {
      expect(await findPolicyMistakes(generateConfiguration(parseSettings(said))), name).to.deep.equal([]);
    }
  });

  it("finds an action that there is not", async () => {
    await expectMistake(withRoleStatement({ actions: ["s3:PutObjects"] }), "there is no action s3:PutObjects");
    await expectMistake(withRoleStatement({ actions: ["s4:PutObject"] }), 'there is no service "s4"');
  });

  it("finds a condition key that there is not", async () => {
    await expectMistake(
      withTrust({ conditions: { StringEquals: { "aws:SourceAcount": "111122223333" } } }),
      "does not know the condition key aws:SourceAcount",
    );
    await expectMistake(
      withRoleStatement({ conditions: { StringEquals: { "s3:x-amz-server-side-encryptoin": "AES256" } } }),
      "does not know the condition key s3:x-amz-server-side-encryptoin",
    );
  });

  it("finds a condition key that is another action's", async () => {
    await expectMistake(
      withRoleStatement({ actions: ["s3:GetObject"], conditions: { StringLike: { "s3:prefix": "files/*" } } }),
      "s3:GetObject does not know the condition key s3:prefix",
    );
  });

  it("takes tags as keys of conditions", async () => {
    const conditions = { StringEquals: { "s3:ExistingObjectTag/scan": "clean", "aws:PrincipalTag/team": "files" } };
    expect(await findPolicyMistakes(withRoleStatement({ actions: ["s3:GetObject"], conditions }))).to.deep.equal([]);
  });

  it("finds a service principal that there is not", async () => {
    await expectMistake(
      withTrust({ principal: { services: ["kinesis-firehose.amazonaws.com"] } }),
      "there is no service principal kinesis-firehose.amazonaws.com",
    );
  });

  it("finds an action of buckets on objects, and of objects on buckets", async () => {
    const objects = { resources: ["arn:aws:s3:::my-files/files/*"] };
    await expectMistake(
      withRoleStatement({ actions: ["s3:ListBucket"], ...objects }),
      "s3:ListBucket is about buckets",
    );
    const bucket = { resources: ["arn:aws:s3:::my-files"] };
    await expectMistake(withRoleStatement({ actions: ["s3:GetObject"], ...bucket }), "s3:GetObject is about objects");
  });

  it("finds rights that are too wide", async () => {
    await expectMistake(withRoleStatement({ actions: ["s3:*"] }), "allows s3:*; name the actions");
    await expectMistake(withRoleStatement({ actions: ["s3:Get*"] }), "allows s3:Get*; name the actions");
    await expectMistake(
      withRoleStatement({ actions: ["sqs:SendMessage"], resources: ["*"] }),
      'allows sqs:SendMessage on "*", though it knows resources',
    );
    await expectMistake(withTrust({ principal: { roles: ["*"] } }), "lets in *");
  });

  it("finds a source in a role's own policy", async () => {
    await expectMistake(
      withRoleStatement({ conditions: { StringEquals: { "aws:SourceAccount": "111122223333" } } }),
      "a role's own policy cannot ask for aws:SourceAccount",
    );
  });

  it("finds a Sid that IAM would refuse", async () => {
    await expectMistake(withRoleStatement({ sid: "Write objects" }), 'the Sid "Write objects" has more than letters');
    await expectMistake(withRoleStatement({ sid: "SeeTheBucket" }), "the Sid SeeTheBucket is there twice");
  });

  it("finds replication without versions, on either side", async () => {
    const suspend = (properties: Properties) => ({ ...properties, VersioningConfiguration: { Status: "Suspended" } });
    await expectMistake(
      withProperties("DataBucket", suspend),
      "DataBucket: replicates, and DataBucket keeps no versions",
    );
    const replica = Object.entries(good.template.resources).find(
      ([logicalId, { type }]) => type === "AWS::S3::Bucket" && /^Replication/.test(logicalId),
    )?.[0] as string;
    await expectMistake(withProperties(replica, suspend), `DataBucket: replicates, and ${replica} keeps no versions`);
  });
});
