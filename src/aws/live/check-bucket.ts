import type { Site } from "../template/site.ts";
import { checkPolicy } from "./check-policy.ts";
import { toCanonicalFacet } from "./comparison/canonical-facet.ts";
import { findDifferences, pickSide } from "./comparison/differences.ts";
import { toCheckName, toFacetMeaning, toMissingBucketMeaning, toRegionMeaning } from "./comparison/facet-meanings.ts";
import { toFacetMend } from "./comparison/facet-mends.ts";
import type { BucketFacet } from "./comparison/live-facets.ts";
import { type Plain, type PlainMap, toList } from "./comparison/plain.ts";
import type { ExpectedBucket } from "./expected/expected-site.ts";
import { createFinding, type Finding } from "./finding.ts";

/** Checks whether the bucket is in the region where it should be. */
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

/** A bucket in another region; `actual` is that region when S3 names it. Nothing else of the bucket can be read from here. */
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
export function findMissingBucket({ name, facets, revert }: ExpectedBucket): Finding {
  return createFinding({ check: "existence", resource: `bucket ${name}` }, "drift", {
    expected: name,
    meaning: `the bucket does not exist: ${toMissingBucketMeaning(facets)}`,
    mend: `deploy the template (sluice config generate); if it is deployed already:  ${revert}`,
  });
}

/** Compares a reading of the facet. The result is one finding; for a policy, it is one for each statement. */
export function checkFacet(
  site: Site,
  { name, facets, statements, inventoriesBy, revert, revertPolicy }: ExpectedBucket,
  { facet, reading }: { facet: BucketFacet; reading: Plain | undefined },
): Finding[] {
  const resource = `bucket ${name}`;
  if (facet === "Policy") {
    return checkPolicy(site, statements, { live: reading, resource, policy: "policy", mend: revertPolicy });
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
      mend: toFacetMend(facet, name, { expected, actual, revert }),
    }),
  ];
}

/** Splits a list into the members that the template has, and the others: others' metrics do not affect the files. */
function splitById(expected: Plain | undefined, actual: Plain | undefined): [Plain | undefined, readonly Plain[]] {
  const ids = toList(expected).map((one) => (one as PlainMap).Id);
  const isOurs = (one: Plain) => ids.includes((one as PlainMap).Id as Plain);
  const ours = toList(actual).filter(isOurs);
  return [ours.length === 0 ? undefined : ours, toList(actual).filter((one) => !isOurs(one))];
}

/** A finding about an inventory beside the template's, when a service makes its own: AWS documents no name for these. */
function toAdded(about: Pick<Finding, "check" | "resource">, inventory: Plain, by: string | undefined): Finding {
  return createFinding(about, "flagged", {
    actual: inventory,
    meaning: `an inventory that the template does not have; ${by}, which is switched on, adds one of its own, and any other gives a list of all files to somebody`,
    mend: `check that its destination does not belong to somebody else: ${JSON.stringify((inventory as PlainMap).Destination ?? null)}`,
  });
}

function toRegionMend({ region }: Site, bucket: string, actual: string): string {
  return (
    `a bucket cannot be moved: write "region: ${actual}" in sluice.aws.yaml if it should be there (and add it to the ` +
    `residency), or name another bucket, deploy it in ${region} and copy the files from ${bucket}`
  );
}
