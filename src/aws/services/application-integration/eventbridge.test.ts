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
      services: { eventbridge: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

const BUS = "arn:aws:events:eu-west-1:111122223333:event-bus/files";
const KEY = "arn:aws:kms:eu-central-1:111122223333:key/ab-12";

describe("Amazon EventBridge", () => {
  it("records new files in a log group that only its rule writes to", () => {
    const { resources } = connect(true);
    expect(resources.EventbridgeLogGroup?.properties).to.include({ LogGroupName: "/aws/events/my-files" });
    expect(JSON.stringify(resources.EventbridgeLogPolicy)).to.contain("rule/my-files-eventbridge");
    expect(resources).to.not.have.any.keys("EventbridgeBusRule", "EventbridgeArchive");
  });

  it("encrypts the log group by a key where asked, and says what the key must allow", () => {
    const { resources, connection } = connect({ kmsKeyArn: KEY });
    expect(resources.EventbridgeLogGroup?.properties).to.include({ KmsKeyId: KEY });
    expect(connection?.notes?.join("\n")).to.contain("logs.eu-central-1.amazonaws.com");
  });

  it("passes events to a bus where data may be, and archives them", () => {
    const { resources } = connect({ logs: false, targetBusArn: BUS, archiveDays: 30 });
    expect(resources.EventbridgeBusRule?.properties.Targets).to.have.nested.property("[0].Arn", BUS);
    expect(JSON.stringify(resources.EventbridgeBusRole)).to.contain("events:PutEvents");
    expect(resources.EventbridgeArchive?.properties).to.include({ RetentionDays: 30 });
    expect(resources).to.not.have.property("EventbridgeLogGroup");
  });

  it("refuses a bus outside of the residency, the bus that events come from, and nothing at all", () => {
    const targetBusArn = BUS.replace("eu-west-1", "us-east-1");
    expect(() => connect({ targetBusArn })).to.throw(AggregateError, /must be in eu-central-1 or eu-west-1/);
    const own = "arn:aws:events:eu-central-1:111122223333:event-bus/default";
    expect(() => connect({ targetBusArn: own })).to.throw(AggregateError, /cannot be passed on to itself/);
    expect(() => connect({ logs: false })).to.throw(AggregateError, /nothing would be told/);
  });
});
