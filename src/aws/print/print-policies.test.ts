import { expect } from "chai";
import { GOLDEN_SETTINGS } from "../../testing/aws/golden-settings.ts";
import { type Configuration, generateConfiguration } from "../generate-configuration.ts";
import { Policy } from "../policy/policy.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Properties, Value } from "../template/value.ts";
import { printPolicies } from "./print-policies.ts";

const LEAST = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
const LAMBDA = "arn:aws:lambda:eu-central-1:111122223333:function:on-file";

function generate(said: Record<string, unknown> = {}): Configuration {
  return generateConfiguration(parseSettings({ ...LEAST, ...said }));
}

// biome-ignore lint/suspicious/noExplicitAny: policies, of whatever shape
function read(said: Record<string, unknown> = {}): any {
  return JSON.parse(printPolicies(generate(said)));
}

/** A configuration of one resource. */
function one(type: string, properties: Properties): Configuration {
  const resources = { It: { type, properties, why: "planted", source: "" } };
  return withResources(resources);
}

function withResources(resources: Configuration["template"]["resources"]): Configuration {
  return { ...generate(), template: { description: "", rules: {}, resources, outputs: {} } };
}

describe("printPolicies", () => {
  it("prints the same bytes for the same settings", () => {
    const services = { sqs: true, firehose: true };
    expect(printPolicies(generate({ services }))).to.equal(
      printPolicies(generate({ services: { firehose: true, sqs: true } })),
    );
  });

  it("prints buckets' policies by their names", () => {
    const { buckets } = read({ anchors: {} });
    expect(buckets).to.have.all.keys("my-files", "my-files-logs", "my-files-anchors");
    expect(buckets["my-files"]).to.have.property("Version", "2012-10-17");
  });

  it("prints roles by their names: who may become them, what they may do, and what bounds them", () => {
    const boundary = "arn:aws:iam::111122223333:policy/boundary";
    const { roles } = read({ services: { config: { recorder: "create" } }, permissionsBoundary: boundary });
    expect(roles["my-files-write"]).to.have.all.keys("trust", "access", "boundary");
    expect(roles["my-files-write"].trust.Statement[0].Action).to.include("sts:AssumeRole");
    expect(roles["my-files-config"].managed).to.have.lengthOf(1);
    expect(roles["my-files-config"].boundary).to.equal(boundary);
  });

  it("prints what lets S3 invoke a function as its policy", () => {
    const { functions } = read({ services: { lambda: { functionArn: LAMBDA, delivery: "direct" } } });
    const [statement, ...more] = functions[LAMBDA].Statement;
    expect(more).to.deep.equal([]);
    expect(statement).to.deep.include({
      Effect: "Allow",
      Principal: { Service: "s3.amazonaws.com" },
      Action: "lambda:InvokeFunction",
      Resource: LAMBDA,
    });
    expect(statement.Condition).to.deep.equal({
      StringEquals: { "aws:SourceAccount": "111122223333" },
      ArnLike: { "aws:SourceArn": "arn:aws:s3:::my-files" },
    });
  });

  it("gathers the permissions of one function, with the conditions that they have", () => {
    const permission = (SourceArn?: string) => ({
      type: "AWS::Lambda::Permission",
      why: "planted",
      source: "",
      properties: {
        FunctionName: "f",
        Action: "lambda:InvokeFunction",
        Principal: "s3.amazonaws.com",
        ...(SourceArn !== undefined && { SourceArn }),
      },
    });
    const resources = { One: permission("arn:aws:s3:::a"), Two: permission() };
    const text = printPolicies(withResources(resources));
    const statements = JSON.parse(text).functions.f.Statement as { Sid: string; Condition: object }[];
    expect(statements.map(({ Sid, Condition }) => [Sid, Condition])).to.deep.equal([
      ["One", { ArnLike: { "aws:SourceArn": "arn:aws:s3:::a" } }],
      ["Two", {}],
    ]);
  });

  it("prints policies of queues, topics and keys by logical id", () => {
    const { others } = read({ services: { sqs: true, sns: true } });
    expect(others).to.include.all.keys("SqsQueuePolicy", "SqsDeadLetterQueuePolicy", "SnsTopicPolicy", "SnsKey");
  });

  for (const [name, settings] of Object.entries(GOLDEN_SETTINGS)) {
    it(`leaves out no policy of the configuration "${name}"`, () => {
      const configuration = generateConfiguration(parseSettings(settings));
      const printed = printPolicies(configuration);
      const documents = new Set(documentsIn(JSON.parse(printed)));
      for (const policy of Object.values(configuration.template.resources).flatMap((at) => policiesIn(at.properties))) {
        expect(documents).to.include(JSON.stringify(policy.toJson()));
      }
    });
  }

  it("prints what another account attaches to its role, and the policy of an endpoint that exists", () => {
    const role = "arn:aws:iam::444455556666:role/reports";
    const gatewayEndpoint = "vpce-0123456789abcdef0";
    const printed = read({ consumers: [{ name: "reports", role }], network: { gatewayEndpoint } });
    const { Resource } = printed.consumers.reports.Statement[0];
    expect(Resource).to.equal("arn:aws:s3:::my-files/files/*");
    const sids = printed.endpoints[gatewayEndpoint].Statement.map(({ Sid }: { Sid: string }) => Sid);
    expect(sids).to.deep.equal(["ReachOwnBuckets", "ReachImageLayers"]);
  });

  it("refuses what has no place", () => {
    const policy = new Policy([]);
    expect(() => printPolicies(one("AWS::S3::BucketPolicy", { Bucket: "a" }))).to.throw("there are 0 policies");
    expect(() => printPolicies(one("AWS::KMS::Key", { A: policy, B: policy }))).to.throw("there are 2 policies");
    expect(() => printPolicies(one("AWS::IAM::Role", { RoleName: "a" }))).to.throw("there are 0 policies");
    const twice = [{ PolicyDocument: policy }, { PolicyDocument: policy }];
    expect(() =>
      printPolicies(one("AWS::IAM::Role", { RoleName: "a", AssumeRolePolicyDocument: policy, Policies: twice })),
    ).to.throw("there are 2 policies");
  });
});

/** Every policy document in the output, as JSON. */
function documentsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if ("Statement" in value) return [JSON.stringify(value)];
  return Object.values(value).flatMap(documentsIn);
}

function policiesIn(value: Value): Policy[] {
  if (value instanceof Policy) return [value];
  return typeof value === "object" ? Object.values(value).flatMap((inner) => policiesIn(inner as Value)) : [];
}
