import type { Site } from "../template/site.ts";
import { toCanonicalFacet } from "./canonical-facet.ts";
import { checkPolicy } from "./check-policy.ts";
import { findDifferences, pickSide } from "./differences.ts";
import type { ExpectedBucket } from "./expected-site.ts";
import { toCheckName, toFacetMeaning, toMissingBucketMeaning, toRegionMeaning } from "./facet-meanings.ts";
import { toFacetMend } from "./facet-mends.ts";
import { createFinding, type Finding, REVERT_DRIFT } from "./finding.ts";
import type { BucketFacet } from "./live-facets.ts";
import { type Plain, type PlainMap, toList } from "./plain.ts";

/** Whether the bucket lies where it is to lie. */
export function checkRegion(site: Site, bucket: string, actual: string): Finding {
  const about = { check: toCheckName("Region"), resource: `bucket ${bucket}` };
  const { region, residency } = site;
  if (actual === region) return createFinding(about, "ok", { expected: region, actual });
  return createFinding(about, "drift", {
    expected: region,
    actual,
    meaning: toRegionMeaning(actual, residency),
    mend: toRegionMend(site, bucket, actual),
  });
}

/** A bucket of another region; `actual` where S3 says which. Nothing else of it can be read from here. */
export function findElsewhere(site: Site, bucket: string, actual: string | undefined): Finding {
  if (actual !== undefined) return checkRegion(site, bucket, actual);
  const about = { check: toCheckName("Region"), resource: `bucket ${bucket}` };
  return createFinding(about, "drift", {
    expected: site.region,
    meaning: "files lie in another region, which S3 does not name",
    mend: toRegionMend(site, bucket, "its region"),
  });
}

/** A bucket that does not exist. */
export function findMissingBucket({ name, facets }: ExpectedBucket): Finding {
  return createFinding({ check: "existence", resource: `bucket ${name}` }, "drift", {
    expected: name,
    meaning: `the bucket does not exist: ${toMissingBucketMeaning(facets)}`,
    mend: `deploy the template (sluice config generate); where the stack is deployed already: ${REVERT_DRIFT}`,
  });
}

/** What the facet's reading shows: one finding, of a policy one for each statement. */
export function checkFacet(
  site: Site,
  { name, facets, statements, inventoriesBy }: ExpectedBucket,
  { facet, reading }: { facet: BucketFacet; reading: Plain | undefined },
): Finding[] {
  const resource = `bucket ${name}`;
  if (facet === "Policy") {
    return checkPolicy(site, statements, { live: reading, resource, policy: "policy", mend: REVERT_DRIFT });
  }
  const about = { check: toCheckName(facet), resource };
  const expected = facets[facet];
  const there = toCanonicalFacet(facet, reading);
  const isShared = facet === "MetricsConfigurations" || (facet === "InventoryConfigurations" && inventoriesBy);
  const [actual, others] = isShared ? splitById(expected, there) : [there, []];
  const added = facet === "InventoryConfigurations" ? others.map((one) => toAdded(about, one, inventoriesBy)) : [];
  const differences = findDifferences(expected, actual);
  if (differences.length === 0) return [createFinding(about, "ok", { expected, actual }), ...added];
  return [
    ...added,
    createFinding(about, "drift", {
      expected: pickSide(differences, "expected"),
      actual: pickSide(differences, "actual"),
      meaning: toFacetMeaning(facet, differences),
      mend: toFacetMend(facet, name, { expected, actual }),
    }),
  ];
}

/** What the template has of a list, and the others: metrics that somebody else has counted show nobody anything new. */
function splitById(expected: Plain | undefined, actual: Plain | undefined): [Plain | undefined, readonly Plain[]] {
  const ids = toList(expected).map((one) => (one as PlainMap).Id);
  const isOurs = (one: Plain) => ids.includes((one as PlainMap).Id as Plain);
  const ours = toList(actual).filter(isOurs);
  return [ours.length === 0 ? undefined : ours, toList(actual).filter((one) => !isOurs(one))];
}

/** An inventory beside the template's where a service makes its own: no document of AWS says how it calls them. */
function toAdded(about: Pick<Finding, "check" | "resource">, inventory: Plain, by: string | undefined): Finding {
  return createFinding(about, "flagged", {
    actual: inventory,
    meaning: `an inventory that the template does not have; ${by}, which is switched on, adds one of its own, and any other gives a list of all files to somebody`,
    mend: `see that its destination is not somebody else's: ${JSON.stringify((inventory as PlainMap).Destination ?? null)}`,
  });
}

function toRegionMend({ region }: Site, bucket: string, actual: string): string {
  return (
    `a bucket cannot be moved: write "region: ${actual}" in sluice.aws.yaml if it is to lie there (and add it to the ` +
    `residency), or name another bucket, deploy it in ${region} and copy the files from ${bucket}`
  );
}
