import { expect } from "chai";
import { generateConfiguration } from "../../generate-configuration.ts";
import { parseSettings } from "../../settings/parse-settings.ts";
import type { SettingsProblem } from "../../settings/settings-problem.ts";

function generate(replication: unknown) {
  const place = { bucket: "my-files", region: "eu-central-1", account: "111122223333" };
  return generateConfiguration(
    parseSettings({ ...place, residency: ["eu-central-1", "eu-west-1"], services: { replication } }),
  );
}

function readProblem(replication: unknown): SettingsProblem {
  try {
    generate(replication);
  } catch (error) {
    if (error instanceof AggregateError) return error.errors[0];
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("replication", () => {
  it("makes a bucket beside the files when none is named", () => {
    const { template } = generate(true);
    expect(template.resources.ReplicationBucket?.properties.BucketName).to.equal("my-files-replica");
    expect(template.resources.DataBucket?.dependsOn).to.include.members(["ReplicationBucket", "ReplicationRole"]);
  });

  it("uses a bucket that exists in another region of the residency", () => {
    const { template } = generate({
      region: "eu-west-1",
      bucket: "far-files",
      replicationTime: true,
      deleteMarkers: false,
    });
    expect(template.resources).to.not.have.any.keys("ReplicationBucket");
    const rule = "ReplicationConfiguration.Rules[0]";
    const { properties } = template.resources.DataBucket ?? {};
    expect(properties).to.have.nested.property(`${rule}.Destination.Bucket`, "arn:aws:s3:::far-files");
    expect(properties).to.have.nested.property(`${rule}.Destination.ReplicationTime.Time.Minutes`, 15);
    expect(properties).to.have.nested.property(`${rule}.DeleteMarkerReplication.Status`, "Disabled");
  });

  it("refuses a region outside of the residency", () => {
    const problem = readProblem({ region: "us-east-1", bucket: "far-files" });
    expect(problem.message).to.contain("replicas in us-east-1 would leave the residency (eu-central-1, eu-west-1)");
    expect(problem.path).to.deep.equal(["services", "replication", "region"]);
  });

  it("refuses to make a bucket in another region", () => {
    expect(readProblem({ region: "eu-west-1" }).path).to.deep.equal(["services", "replication", "bucket"]);
  });

  it("refuses a bucket that serves something else", () => {
    expect(readProblem({ bucket: "my-files-logs" }).message).to.contain("my-files-logs is used already");
  });
});
