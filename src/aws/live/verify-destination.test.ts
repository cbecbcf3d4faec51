import { expect } from "chai";
import { FakeLiveAws } from "../../testing/aws/live/fake-live-aws.ts";
import { toLiveSite } from "../../testing/aws/live/live-site.ts";
import { generateConfiguration } from "../generate-configuration.ts";
import { parseSettings } from "../settings/parse-settings.ts";
import type { PlainMap } from "./comparison/plain.ts";
import type { Finding } from "./finding.ts";
import { verifyConfiguration } from "./verify-configuration.ts";

const CONFIGURATION = generateConfiguration(
  parseSettings({
    bucket: "my-files",
    region: "eu-central-1",
    account: "111122223333",
    residency: ["eu-central-1", "eu-west-1"],
    services: { replication: { bucket: "far-files", region: "eu-west-1" } },
  }),
);
const SITE = toLiveSite(CONFIGURATION);

/**
 * The findings about the named replica bucket with these facets instead of its own; undefined means that there is no such bucket.
 */
async function verify(
  facets: PlainMap | undefined,
  prepare: (live: FakeLiveAws) => void = () => {},
): Promise<Finding[]> {
  const { "far-files": before, ...others } = SITE.buckets;
  const live = new FakeLiveAws({
    ...SITE,
    buckets: facets === undefined ? others : { ...others, "far-files": { ...before, ...facets } },
  });
  prepare(live);
  const findings = await verifyConfiguration(CONFIGURATION, live, { signal: new AbortController().signal });
  expect(findings.filter(({ status, resource }) => status !== "ok" && resource !== "bucket far-files")).to.deep.equal(
    [],
  );
  return findings.filter(({ resource }) => resource === "bucket far-files");
}

describe("verifyDestination, of a replica bucket that is named", () => {
  it("is content where it lies in its region and keeps versions", async () => {
    const findings = await verify({});
    expect(findings.map(({ check, status }) => [check, status])).to.deep.equal([
      ["region", "ok"],
      ["versioning", "ok"],
    ]);
  });

  it("finds a region that is not the one that was said, within the residency or outside", async () => {
    const [inside] = await verify({ Region: "eu-central-1" });
    expect(inside).to.include({ status: "drift", expected: "eu-west-1", actual: "eu-central-1" });
    expect(inside?.meaning).to.contain("allowed");
    const [outside] = await verify({ Region: "us-east-1" });
    expect(outside).to.include({ status: "drift", actual: "us-east-1" });
    expect(outside?.meaning).to.contain("outside of the residency (eu-central-1, eu-west-1)");
    for (const region of ["us-east-1", undefined]) {
      const [elsewhere] = await verify({}, (live) =>
        live.fail("far-files", "Region", "elsewhere", { ...(region !== undefined && { region }) }),
      );
      expect(elsewhere).to.include({ check: "region", status: "drift" });
      expect(elsewhere?.meaning).to.contain("outside of the residency");
    }
  });

  it("finds versions that are not kept, and a bucket that is not there", async () => {
    for (const versioning of [{ Status: "Suspended" }, {}]) {
      const [, finding] = await verify({ VersioningConfiguration: versioning });
      expect(finding).to.include({ check: "versioning", status: "drift" });
      expect(finding?.mend).to.contain("put-bucket-versioning --bucket far-files");
    }
    const [missing, ...others] = await verify(undefined);
    expect(missing).to.include({ check: "existence", status: "drift" });
    expect(others).to.deep.equal([]);
  });

  it("says what it could not read", async () => {
    const [region, ...others] = await verify({}, (live) => live.fail("far-files", "Region", "denied"));
    expect(region).to.include({ check: "region", status: "unreadable" });
    expect(others).to.deep.equal([]);
    const [, versions] = await verify({}, (live) => live.fail("far-files", "VersioningConfiguration", "denied"));
    expect(versions).to.include({ check: "versioning", status: "unreadable" });
  });
});

describe("the verify role", () => {
  it("may look where a named replica bucket lies and whether it keeps versions, and at nothing else of it", () => {
    const policies = JSON.stringify(CONFIGURATION.template.resources.VerifyRole?.properties.Policies);
    expect(policies.split('"arn:aws:s3:::far-files"')).to.have.length(2);
    expect(policies).to.contain(
      '"actions":["s3:GetBucketLocation","s3:GetBucketVersioning"],"resources":["arn:aws:s3:::far-files"]',
    );
  });
});
