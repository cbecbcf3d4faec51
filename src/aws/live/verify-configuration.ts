import type { Configuration } from "../generate-configuration.ts";
import { checkFacet, checkRegion, findElsewhere, findMissingBucket } from "./check-bucket.ts";
import { checkRoleFacet, findMissingRole } from "./check-role.ts";
import { toCheckName } from "./comparison/facet-meanings.ts";
import {
  BUCKET_FACETS,
  type BucketFacet,
  type LiveAws,
  ROLE_FACETS,
  type RoleFacet,
} from "./comparison/live-facets.ts";
import { listExpectedResources } from "./expected/expected-resource.ts";
import { type ExpectedBucket, type ExpectedRole, toExpectedSite } from "./expected/expected-site.ts";
import { createFindResource } from "./find-resource.ts";
import { createFinding, type Finding } from "./finding.ts";
import { type Read, runReadings } from "./reading/readings.ts";
import { createUnreadFinding } from "./unread-finding.ts";
import { verifyDestination } from "./verify-destination.ts";
import { verifyResource } from "./verify-resource.ts";

const ROLE_CHECKS: Readonly<Record<RoleFacet, string>> = {
  Role: "role",
  Policies: "inline policies",
  ManagedPolicyArns: "attached policies",
};

const UNKNOWN = { unknown: "whether it has drifted" };

/**
 * Reads every resource of the configuration, and the regions of other buckets that it copies files into, and compares them
 * with the configuration. The result is one finding for each check: buckets, roles, other resources, each in the order of the template, whatever answers
 * first. A value that cannot be read gives a finding as well. It throws only without valid credentials (`LiveAwsProblem` of
 * the kind `credentials`), and the signal's reason once it is aborted.
 */
export async function verifyConfiguration(
  configuration: Configuration,
  liveAws: LiveAws,
  { signal }: { signal: AbortSignal },
): Promise<Finding[]> {
  const { buckets, roles } = toExpectedSite(configuration);
  const destinations = configuration.connections.flatMap(({ connection }) => connection.destinations ?? []);
  const resources = listExpectedResources(configuration);
  const findings = await runReadings(
    (read) => {
      const find = createFindResource(configuration, resources, { liveAws, read });
      return [
        ...buckets.map((bucket) => verifyBucket(configuration, bucket, { liveAws, read })),
        ...destinations.map((destination) => verifyDestination(configuration.site, destination, { liveAws, read })),
        ...roles.map((role) => verifyRole(configuration, role, { liveAws, read })),
        ...resources.map((resource) => verifyResource(configuration, resource, find)),
      ];
    },
    { signal },
  );
  return findings.flat();
}

async function verifyBucket(
  { site }: Configuration,
  bucket: ExpectedBucket,
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): Promise<Finding[]> {
  const { name } = bucket;
  const region = await read((signal) => liveAws.readBucket(name, "Region", { signal }));
  const first = "value" in region ? [checkRegion(site, name, String(region.value))] : [];
  if ("problem" in region) {
    const { kind, region: actual } = region.problem;
    if (kind === "missing") return [findMissingBucket(bucket)];
    if (kind === "elsewhere") return [findElsewhere(site, name, actual)];
    first.push(
      createUnreadFinding({ check: toCheckName("Region"), resource: `bucket ${name}` }, region.problem, UNKNOWN),
    );
    // Nothing answers: every other reading would only wait for the same failure.
    if (kind === "failed") return first;
  }
  const facets = (Object.keys(BUCKET_FACETS) as BucketFacet[]).filter((facet) => facet !== "Region");
  const others = facets.map(async (facet) => {
    const reading = await read((signal) => liveAws.readBucket(name, facet, { signal }));
    if ("value" in reading) return checkFacet(site, bucket, { facet, reading: reading.value });
    return [createUnreadFinding({ check: toCheckName(facet), resource: `bucket ${name}` }, reading.problem, UNKNOWN)];
  });
  const unread = bucket.unread.map((property) =>
    createFinding({ check: property, resource: `bucket ${name}` }, "unsupported", {
      meaning: "verify does not read it",
      mend: "compare it with the template by other means",
    }),
  );
  return [...first, ...(await Promise.all(others)).flat(), ...unread];
}

async function verifyRole(
  { site }: Configuration,
  role: ExpectedRole,
  { liveAws, read }: { liveAws: LiveAws; read: Read },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const facet of Object.keys(ROLE_FACETS) as RoleFacet[]) {
    const reading = await read((signal) => liveAws.readRole(role.name, facet, { signal }));
    if ("value" in reading) {
      findings.push(...checkRoleFacet(site, role, { facet, reading: reading.value }));
      continue;
    }
    const { kind } = reading.problem;
    if (kind === "missing") return [findMissingRole(role)];
    findings.push(
      createUnreadFinding({ check: ROLE_CHECKS[facet], resource: `role ${role.name}` }, reading.problem, UNKNOWN),
    );
    if (kind !== "denied") break;
  }
  return findings;
}
