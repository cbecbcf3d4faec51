import { expect } from "chai";
import { parse } from "yaml";
import { generateConfiguration } from "../generate-configuration.ts";
import { Policy } from "../policy/policy.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { Resource, Template } from "../template/template.ts";
import type { Properties } from "../template/value.ts";
import { printCloudFormation } from "./print-cloudformation.ts";

const LEAST = { bucket: "my-files", region: "eu-central-1", account: "000000000012" };

function print(said: Record<string, unknown> = {}): string {
  return printCloudFormation(generateConfiguration(parseSettings({ ...LEAST, ...said })).template);
}

/** A template of one queue with these properties. */
function templateOf(properties: Properties, more: Partial<Resource> = {}): Template {
  const queue = { type: "AWS::SQS::Queue", why: "Hears.", source: "https://docs.aws.amazon.com/q", properties };
  return { description: "One queue", rules: {}, resources: { Queue: { ...queue, ...more } }, outputs: {} };
}

describe("printCloudFormation", () => {
  it("prints the same bytes for the same settings, in whatever order they are written", () => {
    const services = { sqs: true, firehose: true, cloudfront: true };
    const reversed = Object.fromEntries(Object.entries(services).reverse());
    expect(print({ services })).to.equal(print({ services: reversed }));
    expect(print({ services, residency: ["eu-west-1", "eu-central-1"] })).to.equal(
      print({ residency: ["eu-central-1", "eu-west-1"], services }),
    );
  });

  it("changes only the lines that a changed setting is about", () => {
    const before = print().split("\n");
    const after = print({ lifecycle: { logDays: 7 } }).split("\n");
    const changed = after.filter((line, at) => line !== before[at]);
    expect(changed.map((line) => line.trim())).to.deep.equal(["ExpirationInDays: 7"]);
    expect(after).to.have.length(before.length);
  });

  it("prints a template that YAML 1.1 and 1.2 read alike", () => {
    const text = print({ services: { sqs: true, firehose: true, cloudfront: true } });
    const read = parse(text, { version: "1.1", schema: "yaml-1.1" });
    expect(JSON.parse(JSON.stringify(read))).to.deep.equal(parse(text, { version: "1.2" }));
    expect(read.AWSTemplateFormatVersion).to.equal("2010-09-09");
    expect(read.Resources.DataBucketPolicy.Properties.PolicyDocument.Version).to.equal("2012-10-17");
  });

  it("quotes what a reader would take for a number, a truth value or a date", () => {
    const values = {
      Account: "000000000012",
      Octal: "0123",
      Sexagesimal: "12:30",
      False: "false",
      On: "on",
      No: "no",
      Null: "null",
      Tilde: "~",
      Date: "2012-10-17",
      Version: "1.2",
      Empty: "",
      Number: 12,
      Flag: false,
    };
    const text = printCloudFormation(templateOf(values));
    for (const word of ["000000000012", "0123", "12:30", "false", "on", "no", "null", "~", "1.2", ""]) {
      expect(text).to.include(`: "${word}"\n`);
    }
    for (const version of ["1.1", "1.2"] as const) {
      const read = parse(text, { version, schema: version === "1.1" ? "yaml-1.1" : "core" });
      expect(read.Resources.Queue.Properties).to.deep.equal(values);
    }
  });

  it("keeps the leading zeros of the account wherever it stands", () => {
    const text = print({ services: { sqs: true } });
    expect(text).to.include('aws:SourceAccount: "000000000012"');
    expect(text).to.not.match(/: 0+12$/m);
  });

  it("puts above each resource why it is there and which document it follows", () => {
    const text = printCloudFormation(templateOf({ QueueName: "q" }));
    expect(text).to.include("  # Hears.\n  # https://docs.aws.amazon.com/q\n  Queue:\n    Type: AWS::SQS::Queue\n");
  });

  it("puts the same above each statement", () => {
    const policy = new Policy([
      {
        sid: "AllowS3",
        why: "S3 tells of files.",
        source: "https://docs.aws.amazon.com/s",
        effect: "Allow",
        principal: { services: ["s3.amazonaws.com"] },
        actions: ["sqs:SendMessage"],
        resources: ["arn:aws:sqs:eu-central-1:000000000012:q"],
      },
    ]);
    const text = printCloudFormation(templateOf({ PolicyDocument: policy }));
    const [, after = ""] = text.split("Statement:\n");
    expect(after.split("\n").map((line) => line.trim())).to.include.ordered.members([
      "# S3 tells of files.",
      "# https://docs.aws.amazon.com/s",
      "- Sid: AllowS3",
    ]);
  });

  it("has a comment for every resource and every statement of every policy", () => {
    const lines = print({ services: { sqs: true, firehose: true, cloudfront: true } }).split("\n");
    const bare = lines.filter(
      (line, at) =>
        /^\s*- Sid: |^ {4}Type: AWS::/.test(line) && !lines.slice(at - 2, at).some((one) => /# https:/.test(one)),
    );
    expect(bare).to.deep.equal([]);
  });

  it("breaks long comments between words", () => {
    const why = Array.from({ length: 60 }, (_, index) => `word${index}`).join(" ");
    const text = printCloudFormation(templateOf({}, { why }));
    const comments = text.split("\n").filter((line) => line.includes("# word"));
    expect(comments.length).to.be.greaterThan(3);
    expect(Math.max(...comments.map((line) => line.length))).to.be.at.most(115);
    expect(comments.map((line) => line.replace(/^\s*# /, "")).join(" ")).to.equal(why);
  });

  it("keeps values on one line, however long", () => {
    const long = "a ".repeat(200).trim();
    expect(printCloudFormation(templateOf({ Description: long }))).to.include(`Description: ${long}\n`);
  });

  it("begins with the header", () => {
    const text = printCloudFormation(templateOf({}), ["Generated.", "Do not edit."]);
    expect(text.startsWith("# Generated.\n# Do not edit.\n")).to.equal(true);
  });

  it("writes retention and dependencies where they are asked for", () => {
    const text = printCloudFormation(templateOf({}, { isRetained: true, dependsOn: ["Other"] }));
    expect(parse(text).Resources.Queue).to.deep.equal({
      Type: "AWS::SQS::Queue",
      DeletionPolicy: "RetainExceptOnCreate",
      UpdateReplacePolicy: "Retain",
      DependsOn: ["Other"],
      Properties: {},
    });
    const bare = parse(printCloudFormation(templateOf({}))).Resources.Queue;
    expect(bare).to.deep.equal({ Type: "AWS::SQS::Queue", Properties: {} });
  });

  it("uses no anchors, aliases or short intrinsic functions", () => {
    const text = print({ services: { sqs: true, firehose: true, cloudfront: true }, tags: { Team: "files" } });
    const values = text.split("\n").filter((line) => !line.trim().startsWith("#"));
    expect(values.filter((line) => /(^|\s)[&*][\w]|: !|- !/.test(line))).to.deep.equal([]);
  });
});
