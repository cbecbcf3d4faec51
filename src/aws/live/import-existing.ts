import type { Configuration } from "../generate-configuration.ts";
import { toCanonicalFacet } from "./comparison/canonical-facet.ts";
import { toCanonicalStatement } from "./comparison/canonical-statement.ts";
import { findDifferences } from "./comparison/differences.ts";
import { toCheckName } from "./comparison/facet-meanings.ts";
import type { BucketFacet } from "./comparison/live-facets.ts";
import { isPlainMap, type Plain, type PlainMap, toList } from "./comparison/plain.ts";
import { type ExpectedBucket, toExpectedSite } from "./expected/expected-site.ts";
import type { ExistingBucket } from "./reading/existing-bucket.ts";

/** Settings that keep what a bucket has, beside what the configuration makes anyway. */
export interface KeptSettings {
  /** The setting `statements`. */
  readonly statements: readonly PlainMap[];
  /** The setting `existing`. */
  readonly existing: PlainMap;
}

const NOTIFICATION_LISTS = ["LambdaConfigurations", "QueueConfigurations", "TopicConfigurations"] as const;

/**
 * What of the bucket the configuration does not have yet. What has the name of a part of the configuration (a statement's
 * Sid, a rule's id) is left out: that part replaces it, which `listReplaced` tells.
 */
export function selectExisting(configuration: Configuration, { facets }: ExistingBucket): KeptSettings {
  const { statements, facets: expected } = findBucket(configuration);
  const live = (facet: BucketFacet, list: string) => listOf(facets.get(facet), list);
  const notifications = NOTIFICATION_LISTS.flatMap((list) => {
    const ours = listOf(expected.NotificationConfiguration, list);
    const theirs = live("NotificationConfiguration", list).filter((one) => !ours.some((other) => isSame(one, other)));
    return theirs.length === 0 ? [] : [[list, theirs] as const];
  });
  return {
    statements: selectStatements(statements, live("Policy", "Statement")),
    existing: {
      lifecycleRules: selectRules(
        listOf(expected.LifecycleConfiguration, "Rules"),
        live("LifecycleConfiguration", "Rules"),
      ),
      corsRules: selectRules(listOf(expected.CorsConfiguration, "CorsRules"), live("CorsConfiguration", "CorsRules")),
      notifications: Object.fromEntries(notifications),
    },
  };
}

/** What the configuration, with what the bucket keeps in it, replaces or removes of the bucket: a sentence each. */
export function listReplaced(configuration: Configuration, { facets, unread }: ExistingBucket): string[] {
  const { statements, facets: expected } = findBucket(configuration);
  const live = listOf(facets.get("Policy"), "Statement");
  const ofPolicy = statements.flatMap(({ sid, json }) => {
    const before = live.find(({ Sid }) => Sid === sid);
    if (before === undefined || isSameStatement(before, json)) return [];
    return [`policy statement ${sid} is replaced: it was ${JSON.stringify(before)}`];
  });
  const ofFacets = [...facets].flatMap(([facet, value]) => {
    // CloudFormation leaves alone what no template has stated.
    if (facet === "Policy" || expected[facet] === undefined) return [];
    return findDifferences(expected[facet], toCanonicalFacet(facet, value)).flatMap(
      ({ path, expected: after, actual }) => {
        if (actual === undefined) return [];
        const what = `${toCheckName(facet)}${path === "" ? "" : ` ${path}`}`;
        const was = `it was ${JSON.stringify(actual)}`;
        return [
          after === undefined ? `${what} is removed: ${was}` : `${what} becomes ${JSON.stringify(after)}: ${was}`,
        ];
      },
    );
  });
  const unknown = [...unread].filter(([facet]) => expected[facet] !== undefined);
  return [
    ...ofPolicy,
    ...ofFacets,
    ...unknown.map(([facet, why]) => `${toCheckName(facet)} is set, whatever it was: ${why}`),
  ];
}

function findBucket(configuration: Configuration): ExpectedBucket {
  const { bucket } = configuration.site;
  return toExpectedSite(configuration).buckets.find(({ name }) => name === bucket) as ExpectedBucket;
}

/** Statements without a Sid get one: `verify` finds statements by it. */
function selectStatements(expected: ExpectedBucket["statements"], live: readonly PlainMap[]): PlainMap[] {
  const taken = new Set(expected.map(({ sid }) => sid));
  const kept = live.filter(
    (one) =>
      !taken.has(String(one.Sid)) &&
      !expected.some(({ json }) => isSameStatement({ ...one, Sid: json.Sid ?? "" }, json)),
  );
  let number = 0;
  return kept.map((one) => {
    if (one.Sid !== undefined && /^[A-Za-z0-9]+$/.test(String(one.Sid))) return one;
    const letters = String(one.Sid ?? "").replace(/[^A-Za-z0-9]/g, "");
    let sid = letters;
    while (sid === "" || taken.has(sid)) sid = `${letters || "Existing"}${++number}`;
    taken.add(sid);
    return { ...one, Sid: sid };
  });
}

function selectRules(expected: readonly PlainMap[], live: readonly PlainMap[]): PlainMap[] {
  return live.filter(
    (one) => !expected.some((other) => (one.Id === undefined ? isSame(one, other) : one.Id === other.Id)),
  );
}

function isSame(one: Plain, other: Plain): boolean {
  return findDifferences(one, other).length === 0;
}

function isSameStatement(one: PlainMap, other: PlainMap): boolean {
  return isSame(toCanonicalStatement(one), toCanonicalStatement(other));
}

function listOf(value: Plain | undefined, list: string): readonly PlainMap[] {
  return isPlainMap(value) ? (toList(value[list]) as PlainMap[]) : [];
}
