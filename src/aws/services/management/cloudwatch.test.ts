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
      services: { cloudwatch: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

const TOPIC = "arn:aws:sns:eu-central-1:111122223333:alarms";

describe("Amazon CloudWatch", () => {
  it("measures the files and alarms a topic of its own", () => {
    const { resources, connection } = connect({ serverErrorShareMax: 0.07 });
    expect(resources.DataBucket?.properties.MetricsConfigurations).to.deep.equal([{ Id: "Files", Prefix: "files/" }]);
    expect(resources.CloudwatchServerErrors?.properties).to.include({
      Threshold: 0.07,
      AlarmDescription: "More than 7 % of requests for files fail in S3.",
    });
    expect(resources).to.have.property("CloudwatchTopic");
    expect(connection?.logBucketStatements?.map(({ actions }) => actions[0])).to.deep.equal([
      "s3:GetBucketAcl",
      "s3:PutObject",
    ]);
  });

  it("uses a topic and a key that exist", () => {
    const kmsKeyArn = "arn:aws:kms:eu-central-1:111122223333:key/ab-12";
    const { resources, connection } = connect({ alarmTopicArn: TOPIC, kmsKeyArn });
    expect(resources).to.not.have.property("CloudwatchTopic");
    expect(resources.CloudwatchClientErrors?.properties.AlarmActions).to.deep.equal([TOPIC]);
    expect(resources.CloudwatchLogGroup?.properties).to.include({ KmsKeyId: kmsKeyArn });
    expect(connection?.notes?.join("\n")).to.contain(TOPIC);
  });

  it("refuses a topic of another account", () => {
    const alarmTopicArn = TOPIC.replace("111122223333", "999999999999");
    expect(() => connect({ alarmTopicArn })).to.throw(AggregateError, /account 999999999999/);
  });
});
