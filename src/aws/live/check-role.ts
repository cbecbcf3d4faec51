import type { Site } from "../template/site.ts";
import { checkPolicy } from "./check-policy.ts";
import { withoutAwsTags } from "./comparison/canonical-facet.ts";
import { findDifferences, pickSide } from "./comparison/differences.ts";
import type { RoleFacet } from "./comparison/live-facets.ts";
import { isPlainMap, type Plain, type PlainMap, toList } from "./comparison/plain.ts";
import type { ExpectedRole } from "./expected/expected-site.ts";
import { createFinding, type Finding } from "./finding.ts";

const RECORD_MEANINGS: Readonly<Record<string, string>> = {
  PermissionsBoundary: "the role could do more than the boundary allows, or less than it needs",
  Tags: "rights and costs that go by tags could take the role in or leave it out",
  MaxSessionDuration: "sessions of the role could last longer than meant, or too short",
  Path: "rights that go by the role's path could take it in or leave it out",
  Description: "the role has another description",
};

const CHECKS: Readonly<Record<string, string>> = {
  PermissionsBoundary: "permissions boundary",
  Tags: "tags",
  MaxSessionDuration: "longest session",
  Path: "path",
  Description: "description",
};

/** A role that does not exist. */
export function findMissingRole({ name, why, revert }: ExpectedRole): Finding {
  return createFinding({ check: "existence", resource: `role ${name}` }, "drift", {
    expected: name,
    meaning: `the role does not exist, so its purpose is not served: ${why}`,
    mend: `deploy the template (sluice config generate); if it is deployed already:  ${revert}`,
  });
}

/** Compares a reading of the facet. */
export function checkRoleFacet(
  site: Site,
  role: ExpectedRole,
  { facet, reading }: { facet: RoleFacet; reading: Plain | undefined },
): Finding[] {
  switch (facet) {
    case "Role":
      return checkRecord(site, role, isPlainMap(reading) ? reading : {});
    case "Policies":
      return checkInlinePolicies(site, role, toList(reading) as PlainMap[]);
    case "ManagedPolicyArns":
      return checkAttachedPolicies(role, toList(reading));
  }
}

/** Checks who may assume the role, and its other settings. */
function checkRecord(site: Site, { name, trust, record, revert }: ExpectedRole, reading: PlainMap): Finding[] {
  const resource = `role ${name}`;
  const { AssumeRolePolicyDocument, Tags, Description, ...live } = reading;
  const tags = withoutAwsTags(Tags);
  const actual: PlainMap = {
    ...live,
    ...(tags !== undefined && { Tags: tags }),
    // A description that somebody added is harmless when the template has none.
    ...(Description !== undefined && record.Description !== undefined && { Description }),
  };
  const keys = Object.keys(CHECKS).filter((key) => record[key] !== undefined || actual[key] !== undefined);
  return [
    ...checkPolicy(site, trust, {
      live: AssumeRolePolicyDocument,
      resource,
      policy: "trust policy",
      mend: revert,
    }),
    ...keys.map((key) => checkSetting(resource, key, { expected: record[key], actual: actual[key], revert })),
  ];
}

function checkSetting(
  resource: string,
  key: string,
  { expected, actual, revert }: { expected: Plain | undefined; actual: Plain | undefined; revert: string },
): Finding {
  const about = { check: CHECKS[key] ?? key, resource };
  const differences = findDifferences(expected, actual);
  if (differences.length === 0) return createFinding(about, "ok", { expected, actual });
  return createFinding(about, "drift", {
    expected: pickSide(differences, "expected"),
    actual: pickSide(differences, "actual"),
    meaning: RECORD_MEANINGS[key] ?? "",
    mend: revert,
  });
}

function checkInlinePolicies(
  site: Site,
  { name, why, policies, revert }: ExpectedRole,
  live: readonly PlainMap[],
): Finding[] {
  const resource = `role ${name}`;
  const ours = policies.flatMap(({ name: policyName, statements }) => {
    const policy = `policy ${policyName}`;
    const found = live.find(({ PolicyName }) => PolicyName === policyName);
    if (found !== undefined) {
      return checkPolicy(site, statements, { live: found.PolicyDocument, resource, policy, mend: revert });
    }
    return createFinding({ check: `inline ${policy}`, resource }, "drift", {
      expected: policyName,
      meaning: `the role has no rights, so its purpose is not served: ${why}`,
      mend: revert,
    });
  });
  const extra = live.filter(({ PolicyName }) => policies.every((policy) => policy.name !== PolicyName));
  return [
    ...ours,
    ...extra.map(({ PolicyName, PolicyDocument }) =>
      createFinding({ check: `inline policy ${PolicyName}`, resource }, "drift", {
        ...(PolicyDocument !== undefined && { actual: PolicyDocument }),
        meaning: "whoever has the role may do more than the configuration says",
        mend: `aws iam delete-role-policy --role-name ${name} --policy-name ${PolicyName}`,
      }),
    ),
  ];
}

function checkAttachedPolicies({ name, managedPolicyArns, revert }: ExpectedRole, live: readonly Plain[]): Finding[] {
  const about = { check: "attached policies", resource: `role ${name}` };
  const differences = findDifferences(managedPolicyArns, live);
  if (differences.length === 0) return [createFinding(about, "ok", { expected: managedPolicyArns, actual: live })];
  const extra = differences.flatMap(({ actual }) => (actual === undefined ? [] : [actual]));
  const missing = differences.flatMap(({ expected }) => (expected === undefined ? [] : [expected]));
  const meanings = [
    ...(missing.length > 0 ? ["the service that has the role may do less than it needs"] : []),
    ...(extra.length > 0 ? ["whoever has the role may do more than the configuration says"] : []),
  ];
  return [
    createFinding(about, "drift", {
      expected: missing,
      actual: extra,
      meaning: meanings.join("; "),
      mend: [
        ...extra.map((arn) => `aws iam detach-role-policy --role-name ${name} --policy-arn ${arn}`),
        ...(missing.length > 0 ? [revert] : []),
      ].join("; "),
    }),
  ];
}
