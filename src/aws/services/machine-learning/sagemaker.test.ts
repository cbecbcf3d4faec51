import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";

const KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

function generate(sagemaker: Record<string, unknown> | true) {
  return generateConfiguration(
    parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      services: { sagemaker },
    }),
  );
}

function roleOf(sagemaker: Record<string, unknown> | true): string {
  return JSON.stringify(generate(sagemaker).template.resources.SagemakerRole);
}

describe("SAGEMAKER", () => {
  it("writes below its external prefix and nowhere else", () => {
    const role = roleOf(true);
    expect(role).to.include('"actions":["s3:PutObject","s3:AbortMultipartUpload"]');
    expect(role).to.include("arn:aws:s3:::my-files/external/sagemaker/*").and.not.include("kms:");
  });

  it("says that jobs, which encrypt by KMS, need a bucket of their own", () => {
    const [note] = generate(true).connections[0]?.connection.notes ?? [];
    expect(note).to.include("KMS").and.include("outputBucket");
  });

  it("sends outputs into another bucket, by a KMS key through S3 alone", () => {
    expect(roleOf({ outputBucket: "my-models" }))
      .to.include("arn:aws:s3:::my-models/*")
      .and.not.include("kms:");
    const role = roleOf({ outputBucket: "my-models", outputKey: KEY });
    expect(role).to.include(KEY).and.include('"kms:ViaService":"s3.eu-central-1.amazonaws.com"');
  });

  it("passes itself to SageMaker and to no other service", () => {
    const role = roleOf(true);
    expect(role).to.include('"resources":["arn:aws:iam::111122223333:role/my-files-sagemaker"]');
    expect(role).to.include('"iam:PassedToService":"sagemaker.amazonaws.com"');
  });

  for (const bucket of ["my-files-logs", "my-files-anchors", "my-files-replica"]) {
    it(`sends no outputs into ${bucket}, which is for something else`, () => {
      expect(() => generate({ outputBucket: bucket }))
        .to.throw(AggregateError, `outputs need a bucket of their own, and ${bucket} is used already`)
        .with.nested.property("errors[0].path")
        .that.deep.equals(["services", "sagemaker", "outputBucket"]);
    });
  }

  for (const [text, options] of [
    ["a KMS key without a bucket that takes it", { outputKey: KEY }],
    ["the bucket of files as the bucket of outputs", { outputBucket: "my-files" }],
  ] as const) {
    it(`refuses ${text}`, () => {
      expect(() => generate(options))
        .to.throw(AggregateError, /bucket my-files takes SSE-S3 alone/)
        .with.nested.property("errors[0].path")
        .that.deep.equals(["services", "sagemaker", "outputBucket"]);
    });
  }
});
