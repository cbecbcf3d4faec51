import type { Destination } from "../services/aws-service.ts";
import type { Site } from "../template/site.ts";
import { toCheckName } from "./comparison/facet-meanings.ts";
import type { LiveAws } from "./comparison/live-facets.ts";
import { isPlainMap } from "./comparison/plain.ts";
import { createFinding, type Finding } from "./finding.ts";
import type { Read } from "./reading/readings.ts";
import { createUnreadFinding } from "./unread-finding.ts";

/**
 * Checks the assumptions of the template about a bucket that it does not make: that the bucket exists, is in the stated
 * region, and keeps versions. A reading that fails does not throw; it gives a finding.
 */
export async function verifyDestination(
  { residency }: Site,
  { bucket, region }: Destination,
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): Promise<Finding[]> {
  const resource = `bucket ${bucket}`;
  const about = { check: toCheckName("Region"), resource };
  const said = await read((signal) => liveAws.readBucket(bucket, "Region", { signal, region }));
  if ("problem" in said && said.problem.kind === "missing") {
    return [
      createFinding({ check: "existence", resource }, "drift", {
        expected: bucket,
        meaning: "the bucket does not exist: no file has its copy there",
        mend: `make it in ${region} with versioning, or name another one`,
      }),
    ];
  }
  const isElsewhere = "problem" in said && said.problem.kind === "elsewhere";
  if ("problem" in said && !isElsewhere) {
    return [createUnreadFinding(about, said.problem, { unknown: "whether copies stay within the residency" })];
  }
  const actual = "value" in said ? String(said.value) : said.problem.region;
  if (actual !== region) {
    const isAllowed = actual !== undefined && residency.includes(actual);
    return [
      createFinding(about, "drift", {
        expected: region,
        actual,
        meaning: isAllowed
          ? `copies lie in ${actual}: allowed, but the settings say otherwise`
          : `copies lie in ${actual ?? "a region that S3 does not name"}, outside of the residency (${residency.join(", ")})`,
        mend: `name the bucket's region in sluice.aws.yaml if copies should be there, or name another bucket, in ${region}`,
      }),
    ];
  }
  return [
    createFinding(about, "ok", { expected: region, actual }),
    await verifyVersions(bucket, region, { liveAws, read }),
  ];
}

async function verifyVersions(
  bucket: string,
  region: string,
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): Promise<Finding> {
  const about = { check: toCheckName("VersioningConfiguration"), resource: `bucket ${bucket}` };
  const said = await read((signal) => liveAws.readBucket(bucket, "VersioningConfiguration", { signal, region }));
  if ("problem" in said) return createUnreadFinding(about, said.problem, { unknown: "whether it keeps versions" });
  const expected = { Status: "Enabled" };
  const isKept = isPlainMap(said.value) && said.value.Status === "Enabled";
  if (isKept) return createFinding(about, "ok", { expected, actual: said.value });
  return createFinding(about, "drift", {
    expected,
    actual: said.value,
    meaning: "S3 copies nothing into a bucket that does not keep versions",
    mend: `aws s3api put-bucket-versioning --bucket ${bucket} --versioning-configuration Status=Enabled`,
  });
}
