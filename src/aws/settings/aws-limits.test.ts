import { expect } from "chai";
import { Policy, type Statement } from "../policy/policy.ts";
import type { Resource, Template } from "../template/template.ts";
import { assertWithinLimits } from "./aws-limits.ts";
import { SettingsProblem } from "./settings-problem.ts";

const TEXT = { why: "Because.", source: "https://docs.aws.amazon.com/" };

function templateOf(resources: Record<string, Resource>, outputs = 0): Template {
  return {
    description: "",
    rules: {},
    resources,
    outputs: Object.fromEntries(
      Array.from({ length: outputs }, (_, index) => [`Output${index}`, { description: "", value: "" }]),
    ),
  };
}

/** A policy whose JSON has exactly this many bytes: one statement with a stretched resource. */
function policyOf(bytes: number): Policy {
  const make = (padding: number) => {
    const statement: Statement = {
      ...TEXT,
      sid: "Padded",
      effect: "Allow",
      actions: ["s3:GetObject"],
      resources: ["x".repeat(padding)],
    };
    return new Policy([statement]);
  };
  return make(bytes - Buffer.byteLength(JSON.stringify(make(0).toJson())));
}

const queue: Resource = { ...TEXT, type: "AWS::SQS::Queue", properties: {} };
const bucketPolicy = (bytes: number): Resource => ({
  ...TEXT,
  type: "AWS::S3::BucketPolicy",
  properties: { PolicyDocument: policyOf(bytes) },
});
const role = (trust: number, ...inline: number[]): Resource => ({
  ...TEXT,
  type: "AWS::IAM::Role",
  properties: {
    AssumeRolePolicyDocument: policyOf(trust),
    ...(inline.length > 0 && {
      Policies: inline.map((bytes) => ({ PolicyName: "x", PolicyDocument: policyOf(bytes) })),
    }),
  },
});

function expectFits(template: Template): void {
  expect(() => assertWithinLimits(template)).to.not.throw();
}

describe("assertWithinLimits", () => {
  it("takes a bucket policy of 20 KiB and not a byte more", () => {
    expectFits(templateOf({ Policy: bucketPolicy(20_480) }));
    expect(() => assertWithinLimits(templateOf({ Policy: bucketPolicy(20_481) }))).to.throw(
      SettingsProblem,
      "Policy would have 20481 bytes, and AWS takes 20480; switch some services off, take out consumers or statements, or shorten the names",
    );
  });

  it("says how much of the bucket's policy each part takes, to the last byte", () => {
    const whole = policyOf(20_481);
    const [statement] = whole.statements as [Statement];
    const template = templateOf({
      DataBucketPolicy: { ...TEXT, type: "AWS::S3::BucketPolicy", properties: { PolicyDocument: whole } },
    });
    const parts = { services: new Policy([]), "statements of your own": new Policy([statement]) };
    const own = Buffer.byteLength(JSON.stringify(whole.toJson().Statement)) - 1;
    expect(() => assertWithinLimits(template, parts)).to.throw(
      `20481 bytes (${20_481 - own} of the guards + ${own} of statements of your own), and AWS takes 20480`,
    );
  });

  it("takes inline policies of 10,240 characters in all", () => {
    expectFits(templateOf({ Role: role(500, 5_000, 5_240) }));
    expect(() => assertWithinLimits(templateOf({ Role: role(500, 5_000, 5_241) }))).to.throw(
      SettingsProblem,
      "Role's inline policy would have 10241 characters, and AWS takes 10240",
    );
  });

  it("takes a trust policy of 2,048 characters", () => {
    expectFits(templateOf({ Role: role(2_048) }));
    expect(() => assertWithinLimits(templateOf({ Role: role(2_049) }))).to.throw(
      SettingsProblem,
      "Role's trust policy would have 2049 characters, and AWS takes 2048",
    );
  });

  it("takes 500 resources", () => {
    const many = (count: number) =>
      templateOf(Object.fromEntries(Array.from({ length: count }, (_, index) => [`Queue${index}`, queue])));
    expectFits(many(500));
    expect(() => assertWithinLimits(many(501))).to.throw(SettingsProblem, "501 resources, and AWS takes 500");
  });

  it("takes 200 outputs", () => {
    expectFits(templateOf({}, 200));
    expect(() => assertWithinLimits(templateOf({}, 201))).to.throw(SettingsProblem, "201 outputs, and AWS takes 200");
  });

  it("measures nothing of resources without a policy", () => {
    expectFits(templateOf({ Queue: queue, Bare: { ...TEXT, type: "AWS::S3::BucketPolicy", properties: {} } }));
  });
});
