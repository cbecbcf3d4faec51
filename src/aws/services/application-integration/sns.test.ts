import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

function connect(options: object | true) {
  const { template, connections } = generateConfiguration(
    parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      residency: ["eu-central-1", "eu-west-1"],
      services: { sns: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

const KEY = "arn:aws:kms:eu-central-1:111122223333:key/ab-12";

describe("Amazon SNS", () => {
  it("is published to by a role of the rule, which alone may use the topic's key", () => {
    const { resources } = connect(true);
    expect(resources.SnsRule?.properties.Targets).to.have.nested.property("[0].RoleArn");
    const keyPolicy = JSON.stringify(resources.SnsKey?.properties.KeyPolicy);
    expect(keyPolicy).to.contain("role/my-files-sns").and.not.contain("s3.amazonaws.com");
    expect(JSON.stringify(resources.SnsTopicPolicy)).to.not.contain('"effect":"Allow"');
  });

  it("is published to by S3 where asked, for this bucket alone", () => {
    const { resources, connection } = connect({ delivery: "direct" });
    expect(resources).to.not.have.any.keys("SnsRule", "SnsRole");
    expect(JSON.stringify(resources.SnsKey?.properties.KeyPolicy)).to.contain("s3.amazonaws.com");
    expect(JSON.stringify(resources.SnsTopicPolicy)).to.contain("arn:aws:s3:::my-files");
    expect(connection?.bucketDependsOn).to.deep.equal(["SnsTopicPolicy"]);
  });

  it("takes a key that exists, or none", () => {
    const withKey = connect({ key: KEY });
    expect(withKey.resources.SnsTopic?.properties).to.include({ KmsMasterKeyId: KEY });
    expect(JSON.stringify(withKey.resources.SnsRole)).to.contain(KEY);
    expect(withKey.connection?.notes?.[0]).to.contain("role/my-files-sns");
    expect(connect({ key: KEY, delivery: "direct" }).connection?.notes?.[0]).to.contain("s3.amazonaws.com");
    const without = connect({ key: "none" }).resources;
    expect(without).to.not.have.property("SnsKey");
    expect(without.SnsTopic?.properties).to.not.have.property("KmsMasterKeyId");
  });

  it("refuses AWS's own key, which no sender could use, and keys elsewhere", () => {
    expect(() => connect({ key: "alias/aws/sns" })).to.throw(AggregateError, /cannot be opened to the senders/);
    expect(() => connect({ key: KEY.replace("central", "west") })).to.throw(AggregateError, /services\.sns\.key/);
  });
});
