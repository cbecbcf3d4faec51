import type { Site } from "../template/site.ts";
import { checkPolicy } from "./check-policy.ts";
import { findDifferences, pickSide } from "./comparison/differences.ts";
import { fromText, type Plain, type PlainMap } from "./comparison/plain.ts";
import { toStatedPart } from "./comparison/stated-part.ts";
import type { ExpectedResource } from "./expected/expected-resource.ts";
import { createFinding, type Finding } from "./finding.ts";

/** A resource that does not exist, or that nothing names any more. */
export function findMissingResource({ label, why, revert }: ExpectedResource): Finding {
  return createFinding({ check: "existence", resource: label }, "drift", {
    expected: label,
    meaning: `it does not exist, so its purpose is not served: ${why}`,
    mend: `deploy the template (sluice config generate); if it is deployed already:  ${revert}`,
  });
}

/**
 * Compares the resource with its live properties: one finding for each property that the template states or without whose
 * default the resource does not serve, and for a policy one for each statement.
 */
export function checkResource(site: Site, expected: ExpectedResource, live: PlainMap): Finding[] {
  const { readable, properties, policies, label, revert } = expected;
  const { defaults = {}, writeOnly = [], shortened = [] } = readable ?? {};
  const stated = Object.entries({ ...(defaults as PlainMap), ...properties }).filter(
    ([key]) => !writeOnly.includes(key),
  );
  return stated.flatMap(([key, value]) => {
    const statements = policies[key];
    if (statements !== undefined) {
      return checkPolicy(site, statements, {
        live: fromText(live[key]),
        resource: label,
        policy: "policy",
        mend: revert,
      });
    }
    const answered = shortened.includes(key) ? lengthen(value, live[key]) : live[key];
    const part = toStatedPart({ [key]: value }, answered === undefined ? {} : { [key]: answered }) as PlainMap;
    return [checkProperty(expected, key, { value, actual: part[key] })];
  });
}

function checkProperty(
  { label, drift, revert }: ExpectedResource,
  check: string,
  { value, actual }: { value: Plain; actual: Plain | undefined },
): Finding {
  const differences = findDifferences(value, actual);
  if (differences.length === 0) return createFinding({ check, resource: label }, "ok", { expected: value, actual });
  return createFinding({ check, resource: label }, "drift", {
    expected: pickSide(differences, "expected"),
    actual: pickSide(differences, "actual"),
    meaning: drift,
    mend: revert,
  });
}

/** The expected ARN where AWS answers its last part. */
function lengthen(expected: Plain, live: Plain | undefined): Plain | undefined {
  return live !== undefined && String(expected).endsWith(`/${live}`) ? expected : live;
}
