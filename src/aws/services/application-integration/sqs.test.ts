import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";
import { FreeForm } from "../../template/value.ts";

function connect(options: object | true) {
  const { template, connections } = generateConfiguration(
    parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      residency: ["eu-central-1", "eu-west-1"],
      services: { sqs: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

describe("Amazon SQS", () => {
  it("is told by a rule, and keeps what nobody could deal with", () => {
    const { resources } = connect({ receiptsMax: 3 });
    expect(resources.SqsRule?.properties.Targets).to.have.nested.property("[0].DeadLetterConfig");
    expect(resources.SqsQueue?.properties.RedrivePolicy).to.have.nested.property("content.maxReceiveCount", 3);
    expect(resources.SqsDeadLetterQueue?.properties.RedriveAllowPolicy).to.deep.equal(
      new FreeForm("json", {
        redrivePermission: "byQueue",
        sourceQueueArns: ["arn:aws:sqs:eu-central-1:111122223333:my-files-files"],
      }),
    );
  });

  it("is told by S3 itself where asked, and then by no rule", () => {
    const { resources, connection } = connect({ delivery: "direct" });
    expect(resources).to.not.have.property("SqsRule");
    expect(connection?.bucketDependsOn).to.deep.equal(["SqsQueuePolicy"]);
    expect(JSON.stringify(resources.SqsQueuePolicy?.properties.PolicyDocument)).to.not.contain("events.amazonaws.com");
  });
});
