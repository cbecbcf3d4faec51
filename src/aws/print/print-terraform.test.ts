// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${` is of the languages that are printed
import { expect } from "chai";
import { generateConfiguration } from "../generate-configuration.ts";
import { Policy, type Statement } from "../policy/policy.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import { createSite } from "../template/site.ts";
import { getAtt, type Resource, ref, sub, type Template } from "../template/template.ts";
import { FreeForm, type Properties, type Value } from "../template/value.ts";
import { printTerraform } from "./print-terraform.ts";

const LEAST = { bucket: "my.files", region: "eu-central-1", account: "000000000012" };
const SITE = createSite({
  ...LEAST,
  partition: "aws",
  residency: ["eu-central-1"],
  keyPrefix: "files/",
  externalPrefix: "external/",
  tags: {},
});
const STATEMENT: Statement = {
  sid: "AllowOwn",
  why: "One's own prefix.",
  source: "https://docs.aws.amazon.com/p",
  effect: "Allow",
  actions: ["s3:GetObject"],
  resources: ["arn:aws:s3:::my-files/${aws:username}/*", getAtt("Queue", "Arn")],
  conditions: { StringEquals: { "s3:ExistingObjectTag/%{x}": ref("Queue") } },
};

/** The block of a queue with these properties, beside a distribution and an origin access control to refer to. */
function blockOf(properties: Properties, more: Partial<Resource> = {}): Record<string, unknown> {
  return read({ Subject: resource("AWS::SQS::Queue", properties, more) }).resource.awscc_sqs_queue.subject;
}

function resource(type: string, properties: Properties = {}, more: Partial<Resource> = {}): Resource {
  return { type, why: "Hears.", source: "https://docs.aws.amazon.com/q", properties, ...more };
}

// biome-ignore lint/suspicious/noExplicitAny: a document of Terraform's, of whatever shape
function read(resources: Template["resources"], more: Partial<Template> = {}): any {
  const template: Template = {
    description: "One queue",
    rules: {},
    resources: {
      Queue: resource("AWS::SQS::Queue"),
      Distribution: resource("AWS::CloudFront::Distribution"),
      ...resources,
    },
    outputs: {},
    ...more,
  };
  return JSON.parse(printTerraform({ template, site: SITE }));
}

describe("printTerraform", () => {
  it("prints the same bytes for the same settings, in whatever order they are written", () => {
    const print = (services: object) => printTerraform(generateConfiguration(parseSettings({ ...LEAST, services })));
    expect(print({ sqs: true, cloudfront: true, glue: true })).to.equal(
      print({ glue: true, cloudfront: true, sqs: true }),
    );
  });

  it("requires the providers whose schemas it is compared with, in the bucket's region", () => {
    const { terraform, provider } = read({});
    expect(terraform.required_providers.awscc).to.deep.equal({ source: "hashicorp/awscc", version: ">= 1.106.0" });
    expect(provider).to.deep.equal({ awscc: { region: "eu-central-1" }, aws: { region: "eu-central-1" } });
  });

  it("respells names of structures, in lists as well, and keeps values as they are", () => {
    const { "//": _, ...block } = blockOf({
      QueueName: "MyQueue",
      S3KeyPrefix: "A/B",
      Tags: [{ Key: "TeamName", Value: "FilesTeam" }],
      Nested: { KMSMasterKeyID: { DelaySeconds: 5, FifoQueue: false } },
    });
    expect(block).to.deep.equal({
      queue_name: "MyQueue",
      s3_key_prefix: "A/B",
      tags: [{ key: "TeamName", value: "FilesTeam" }],
      nested: { kms_master_key_id: { delay_seconds: 5, fifo_queue: false } },
    });
  });

  it("prints open JSON as a string and a map as a map, with keys as they are", () => {
    const content = { maxReceiveCount: 3, "aws:Tag${x}": { Inner: [getAtt("Queue", "Arn"), ref("Queue"), true] } };
    const block = blockOf({
      RedrivePolicy: new FreeForm("json", content),
      Tags: new FreeForm("map", { CostCenter: "4711", "%{odd}": "${odd}" }),
    });
    expect(JSON.parse(block.redrive_policy as string)).to.deep.equal({
      maxReceiveCount: 3,
      "aws:Tag$${x}": { Inner: ["${awscc_sqs_queue.queue.arn}", "${awscc_sqs_queue.queue.id}", true] },
    });
    expect(block.tags).to.deep.equal({ CostCenter: "4711", "%%{odd}": "$${odd}" });
  });

  it("prints leaves within leaves", () => {
    const inner = new FreeForm("json", { Arn: getAtt("Queue", "Arn") });
    const block = blockOf({ Outer: new FreeForm("json", { Inner: inner }) });
    expect(JSON.parse(block.outer as string)).to.deep.equal({ Inner: { Arn: "${awscc_sqs_queue.queue.arn}" } });
  });

  it("prints a policy as a string, refers from within it, and escapes policy variables", () => {
    const block = blockOf({ Nested: { PolicyDocument: new Policy([STATEMENT]) } });
    const document = JSON.parse((block.nested as Record<string, string>).policy_document as string);
    expect(document.Statement[0].Resource).to.deep.equal([
      "arn:aws:s3:::my-files/$${aws:username}/*",
      "${awscc_sqs_queue.queue.arn}",
    ]);
    expect(document.Statement[0].Condition).to.deep.equal({
      StringEquals: { "s3:ExistingObjectTag/%%{x}": "${awscc_sqs_queue.queue.id}" },
    });
  });

  it("says above a resource why it and each statement of its policies is there", () => {
    const block = blockOf({ PolicyDocument: new Policy([STATEMENT]) });
    expect(block["//"]).to.deep.equal([
      "Hears. https://docs.aws.amazon.com/q",
      "AllowOwn: One's own prefix. https://docs.aws.amazon.com/p",
    ]);
  });

  const references: readonly (readonly [string, Value, string])[] = [
    ["Ref", ref("Queue"), "${awscc_sqs_queue.queue.id}"],
    ["Fn::GetAtt", getAtt("Queue", "QueueUrl"), "${awscc_sqs_queue.queue.queue_url}"],
    ["nested Fn::GetAtt", getAtt("Queue", "Endpoint.HostName"), "${awscc_sqs_queue.queue.endpoint.host_name}"],
    [
      "Fn::Sub",
      sub("a/${Queue}/%{b}/${Queue.Arn}/${!aws:username}"),
      "a/${awscc_sqs_queue.queue.id}/%%{b}/${awscc_sqs_queue.queue.arn}/$${aws:username}",
    ],
    ["Ref to a stack", ref("Distribution"), "${aws_cloudformation_stack.distribution.outputs.Identity}"],
    [
      "Fn::GetAtt of a stack",
      getAtt("Distribution", "DomainName"),
      "${aws_cloudformation_stack.distribution.outputs.DomainName}",
    ],
    [
      "Fn::Sub of a stack",
      sub("https://${Distribution.DomainName}/"),
      "https://${aws_cloudformation_stack.distribution.outputs.DomainName}/",
    ],
  ];
  for (const [what, value, expression] of references) {
    it(`makes an expression of ${what}`, () => {
      expect(blockOf({ Value: value }).value).to.equal(expression);
    });
  }

  const unknown: readonly (readonly [string, Value, string])[] = [
    ["Ref", ref("Missing"), "there is no resource Missing to refer to"],
    ["pseudo parameter", ref("AWS::Region"), "there is no resource AWS::Region to refer to"],
    ["Fn::GetAtt", getAtt("Missing", "Arn"), "there is no resource Missing to refer to"],
    ["Fn::Sub", sub("${Missing}"), "there is no resource Missing to refer to"],
    ["attribute of a stack", getAtt("Distribution", "Arn"), "the stack of Distribution has no output Arn"],
    ["function", { "Fn::ImportValue": "x" }, "Fn::ImportValue has no expression in Terraform here"],
  ];
  for (const [what, value, sentence] of unknown) {
    it(`refuses an unknown ${what}, in a value and in open JSON`, () => {
      expect(() => blockOf({ Value: value })).to.throw(sentence);
      expect(() => blockOf({ Value: new FreeForm("json", { Inner: value }) })).to.throw(sentence);
    });
  }

  it("takes an object that only begins like a function for what it is", () => {
    expect(blockOf({ Value: { Ref: "a", Other: "b" }, Empty: {} })).to.include.deep.keys("value", "empty");
  });

  it("waits for what is not referred to, and refuses to wait for nothing", () => {
    const block = blockOf({}, { dependsOn: ["Queue", "Distribution"] });
    expect(block.depends_on).to.deep.equal(["awscc_sqs_queue.queue", "aws_cloudformation_stack.distribution"]);
    expect(() => blockOf({}, { dependsOn: ["Missing"] })).to.throw("there is no resource Missing to refer to");
  });

  it("keeps what CloudFormation would retain", () => {
    expect(blockOf({}, { isRetained: true }).lifecycle).to.deep.equal({ prevent_destroy: true });
    expect(blockOf({})).to.have.all.keys("//");
  });

  it("makes what the provider lacks by a stack, property for property", () => {
    const type = "AWS::CloudFront::Distribution";
    const properties = { DistributionConfig: { Origins: [{ Id: ref("Queue"), Comment: "${x}" }] } };
    const {
      "//": comment,
      name,
      template_body,
      lifecycle,
    } = read({
      Distribution: resource(type, properties, { isRetained: true }),
    }).resource.aws_cloudformation_stack.distribution;
    expect(comment).to.include(`In a CloudFormation stack of its own: the awscc provider has no ${type}.`);
    expect(name).to.equal("sluice-my-files-distribution");
    expect(lifecycle).to.deep.equal({ prevent_destroy: true });
    expect(JSON.parse(template_body)).to.deep.equal({
      AWSTemplateFormatVersion: "2010-09-09",
      Resources: {
        Distribution: {
          Type: type,
          DeletionPolicy: "Retain",
          UpdateReplacePolicy: "Retain",
          Properties: {
            DistributionConfig: { Origins: [{ Id: "${awscc_sqs_queue.queue.id}", Comment: "$${x}" }] },
          },
        },
      },
      Outputs: {
        Identity: { Value: { Ref: "Distribution" } },
        DomainName: { Value: { "Fn::GetAtt": ["Distribution", "DomainName"] } },
      },
    });
  });

  it("stops the plan in another account or region", () => {
    const { data } = JSON.parse(printTerraform(generateConfiguration(parseSettings(LEAST))));
    expect(data.aws_caller_identity.account.lifecycle.postcondition).to.deep.equal({
      condition: '${contains(["000000000012"], self.account_id)}',
      error_message: "This template names resources of account 000000000012",
    });
    expect(data.aws_region.residency.lifecycle.postcondition.condition).to.equal(
      '${contains(["eu-central-1"], self.region)}',
    );
  });

  it("refuses a rule that it cannot say", () => {
    for (const assert of [
      { "Fn::Contains": [["a"], ref("AWS::StackName")] },
      { "Fn::Equals": ["a", "b"] },
    ] as Value[]) {
      expect(() => read({}, { rules: { Odd: { assert, description: "odd" } } })).to.throw(
        "rule Odd has no counterpart in Terraform",
      );
    }
  });

  it("prints outputs, whose descriptions are texts", () => {
    const outputs = { QueueArn: { description: "the ${queue}", value: getAtt("Queue", "Arn") } };
    expect(read({}, { outputs }).output).to.deep.equal({
      queue_arn: { description: "the $${queue}", value: "${awscc_sqs_queue.queue.arn}" },
    });
  });
});
