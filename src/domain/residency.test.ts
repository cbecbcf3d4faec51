import { expect } from "chai";
import { catchError, sampleFile, sampleNamespaces } from "../testing/samples/sample-records.ts";
import { requireNamespace } from "./namespaces/namespace.ts";
import { assertFileRegion, BucketRegions, requireResident } from "./residency.ts";

const READ_TIME = new Date("2026-01-02T03:04:05Z");

describe("BucketRegions", () => {
  const open = (allowedRegions = ["eu-central-1"]) => {
    const namespaces = sampleNamespaces({ bucket: "files", allowedRegions });
    const regions = new BucketRegions();
    const namespace = requireNamespace(namespaces, "default");
    return {
      namespaces,
      regions,
      namespace,
      say: (region?: string) => regions.note("files", { region, readTime: READ_TIME }),
    };
  };

  it("believes the recorded region until storage says another, and where storage does not say", () => {
    const { regions, namespace, say } = open();
    expect(regions.problemOf(namespace)).to.equal(undefined);
    say(undefined);
    expect(regions.problemOf(namespace)).to.equal(undefined);
    say("eu-central-1");
    expect(regions.problemOf(namespace)).to.equal(undefined);
    expect(regions.of("files")).to.deep.equal({ region: "eu-central-1", readTime: READ_TIME });
  });

  it("names both regions of a bucket that lies elsewhere, allowed or not", () => {
    const { regions, namespace, say } = open(["eu-central-1", "eu-west-1"]);
    say("eu-west-1");
    expect(regions.problemOf(namespace)).to.equal(
      "namespace default keeps files in eu-central-1, but bucket files lies in eu-west-1; its operator must correct that",
    );
  });

  it("names the regions that are allowed, the first ten of them", () => {
    const { regions, namespace } = open(["eu-west-1", "eu-west-2"]);
    const problem = "namespace default allows files in eu-west-1, eu-west-2 only; bucket files lies in eu-central-1";
    expect(regions.problemOf(namespace)).to.equal(problem);
    const many = Array.from({ length: 12 }, (_, number) => `region-${number}`);
    expect(regions.problemOf({ ...namespace, allowedRegions: many })).to.include("region-9 and 2 more only");
  });

  it("judges the place of a file by its own bucket and region", async () => {
    const { regions, namespace } = open();
    const file = sampleFile({ bucket: "older-files", region: "us-east-1" });
    expect(regions.problemOf(namespace)).to.equal(undefined);
    const error = await catchError(() => regions.assertResident(namespace, file));
    expect(error).to.include({ code: "failed_precondition", reason: "RESIDENCY_VIOLATION" });
    expect(error).to.have.deep.property("details", {
      namespace: "default",
      bucket: "older-files",
      region: "us-east-1",
      recorded_region: "us-east-1",
    });
    const kept = sampleFile({ bucket: "older-files" });
    expect(regions.problemOf(namespace, kept)).to.equal(undefined);
    regions.note("older-files", { region: "us-east-1", readTime: READ_TIME });
    expect(regions.problemOf(namespace, kept)).to.include("bucket older-files lies in us-east-1");
  });

  it("forgets buckets that no namespace has", () => {
    const { regions, say } = open();
    say("eu-central-1");
    regions.note("gone", { region: "eu-central-1", readTime: READ_TIME });
    regions.keepOnly(new Set(["files"]));
    expect(regions.of("gone")).to.equal(undefined);
    expect(regions.of("files")).to.not.equal(undefined);
  });

  it("lets a command have a namespace that it may write", async () => {
    const { namespaces, regions, namespace, say } = open();
    expect(requireResident({ namespaces, regions }, "default")).to.equal(namespace);
    say("us-east-1");
    expect(await catchError(() => requireResident({ namespaces, regions }, "default"))).to.include({
      reason: "RESIDENCY_VIOLATION",
    });
    expect(await catchError(() => requireResident({ namespaces, regions }, "other"))).to.include({
      reason: "NAMESPACE_NOT_FOUND",
    });
  });
});

describe("assertFileRegion", () => {
  it("allows every region where none are named, and otherwise those that are", async () => {
    const file = sampleFile();
    assertFileRegion(file, undefined);
    assertFileRegion(file, ["us-east-1", "eu-central-1"]);
    const error = await catchError(() => assertFileRegion(file, ["us-east-1"]));
    expect(error).to.include({ code: "failed_precondition", reason: "RESIDENCY_VIOLATION" });
  });
});
