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
      services: { lambda: options },
    }),
  );
  return { resources: template.resources, connection: connections[0]?.connection };
}

const FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:resize:live";

describe("AWS Lambda", () => {
  it("gives a role alone as long as no function is named", () => {
    const { resources, connection } = connect(true);
    expect(Object.keys(resources).filter((name) => name.startsWith("Lambda"))).to.deep.equal(["LambdaRole"]);
    expect(connection?.notes?.[0]).to.contain("/aws/lambda/my-files-*");
  });

  it("leaves room in the names of functions however long the bucket's is", () => {
    const place = { region: "eu-central-1", account: "111122223333", services: { lambda: true } };
    const { template } = generateConfiguration(parseSettings({ ...place, bucket: "b".repeat(63) }));
    const [, stem = ""] = /log-group:\/aws\/lambda\/(b+-[0-9a-f]{8})\*"/.exec(JSON.stringify(template)) ?? [];
    expect(stem).to.have.length(48);
  });

  it("calls a function by a rule, and lets the role write that function's logs alone", () => {
    const { resources } = connect({ functionArn: FUNCTION });
    expect(resources.LambdaRule?.properties.Targets).to.have.nested.property("[0].Arn", FUNCTION);
    expect(resources.LambdaPermission?.properties).to.deep.equal({
      Action: "lambda:InvokeFunction",
      FunctionName: FUNCTION,
      Principal: "events.amazonaws.com",
      SourceArn: "arn:aws:events:eu-central-1:111122223333:rule/my-files-lambda",
    });
    expect(JSON.stringify(resources.LambdaRole)).to.contain("log-group:/aws/lambda/resize:*");
  });

  it("lets S3 call it directly where asked", () => {
    const { resources, connection } = connect({ functionArn: FUNCTION, delivery: "direct" });
    expect(resources).to.not.have.property("LambdaRule");
    expect(resources.LambdaPermission?.properties).to.include({
      SourceArn: "arn:aws:s3:::my-files",
      SourceAccount: "111122223333",
    });
    expect(connection?.bucketDependsOn).to.deep.equal(["LambdaPermission"]);
  });

  it("refuses direct delivery to no function", () => {
    expect(() => connect({ delivery: "direct" })).to.throw(AggregateError, /needs a function/);
  });

  it("refuses functions of other accounts, regions and partitions", () => {
    const name = (partition: string, region: string, account: string) => ({
      functionArn: `arn:${partition}:lambda:${region}:${account}:function:f`,
    });
    expect(() => connect(name("aws", "eu-central-1", "999999999999"))).to.throw(AggregateError, /account 999999999999/);
    expect(() => connect(name("aws", "eu-west-1", "111122223333"))).to.throw(AggregateError, /must be in eu-central-1/);
    expect(() => connect(name("aws-cn", "cn-north-1", "111122223333"))).to.throw(AggregateError, /partition aws-cn/);
  });
});
