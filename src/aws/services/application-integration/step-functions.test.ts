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
      services: { "step-functions": options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

describe("AWS Step Functions", () => {
  it("gives a role alone as long as no state machine is named", () => {
    const names = Object.keys(connect(true).resources).filter((name) => name.startsWith("StepFunctions"));
    expect(names).to.deep.equal(["StepFunctionsRole"]);
  });

  it("starts the state machine by a rule with a role that can do nothing else", () => {
    const stateMachineArn = "arn:aws:states:eu-central-1:111122223333:stateMachine:scan";
    const { resources } = connect({ stateMachineArn });
    expect(resources.StepFunctionsRule?.properties.Targets).to.have.nested.property("[0].Arn", stateMachineArn);
    expect(JSON.stringify(resources.StepFunctionsStartRole)).to.contain("states:StartExecution");
  });

  it("refuses a state machine of another region", () => {
    const stateMachineArn = "arn:aws:states:us-east-1:111122223333:stateMachine:scan";
    expect(() => connect({ stateMachineArn })).to.throw(AggregateError, /lies in us-east-1/);
  });
});
