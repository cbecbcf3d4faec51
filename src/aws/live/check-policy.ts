import { join, toActionWords, toConditionWords, toResourceWords } from "../policy/access-words.ts";
import type { Conditions } from "../policy/policy.ts";
import type { Site } from "../template/site.ts";
import { toCanonicalStatement } from "./comparison/canonical-statement.ts";
import { findDifferences, pickSide } from "./comparison/differences.ts";
import { toReadable } from "./comparison/made-up-ids.ts";
import { isPlainMap, type Plain, type PlainMap, toList } from "./comparison/plain.ts";
import type { ExpectedStatement } from "./expected/expected-statement.ts";
import { createFinding, type Finding } from "./finding.ts";

/** The version of the policy language that the statements' variables and conditions are written for. */
const POLICY_VERSION = "2012-10-17";

/** The consequences when a guard of the buckets is lost, by statement. */
const GUARD_MEANINGS: Readonly<Record<string, string>> = {
  DenyPlaintext:
    "anyone who is let in may send and fetch files over plain HTTP, where they are read and changed on the way",
  DenyBelowTls12: "anyone who is let in may use TLS 1.0 or 1.1, which can be broken",
  DenyOwnRolesBelowTls13: "Sluice's own roles may use TLS below 1.3",
  DenyOtherEncryption: "files could be stored under keys other than S3's own, which services and readers may not use",
  DenyStalePresignedUrls: "anyone who comes by an old presigned URL may use it for as long as its signer wrote into it",
  DenyFilesOutsideEndpoints:
    "anyone who is let in may fetch files from any network, and not through the named VPC endpoints alone",
  DenyOwnRolesOutsideEndpoints:
    "Sluice's own roles may be used from any network, and not through the named VPC endpoints alone",
  DenyOtherRegions: "anyone who is let in may reach the files by endpoints of regions outside of the residency",
};

/** The place of a policy, and the policy that is live there. */
interface LivePolicy {
  /** Its document; undefined when there is none. */
  readonly live: Plain | undefined;
  readonly resource: string;
  /** The policy's name in checks: `policy`, `trust policy`. */
  readonly policy: string;
  /** The mend for a drift. */
  readonly mend: string;
}

/** One finding for each expected statement and for each other one that exists, and one for a wrong version. */
export function checkPolicy(site: Site, expected: readonly ExpectedStatement[], policy: LivePolicy): Finding[] {
  const live = isPlainMap(policy.live) ? policy.live : {};
  const extra = toList(live.Statement).filter(isPlainMap);
  const findings = expected.map((statement) => {
    const at = extra.findIndex(({ Sid }) => Sid === statement.sid);
    const [actual] = at < 0 ? [] : extra.splice(at, 1);
    return checkStatement(site, statement, { ...policy, actual });
  });
  return [
    ...(policy.live === undefined || expected.length === 0 ? [] : checkVersion(live.Version, policy)),
    ...findings,
    ...extra.map((statement, at) => findExtra(site, statement, { ...policy, at })),
  ];
}

/** The statement in words: `service x.amazonaws.com may read objects on my-files/files/*, if it acts for account …`. */
export function toStatementWords(site: Site, statement: PlainMap): string {
  const { Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition } = toReadable(
    statement,
  ) as PlainMap;
  const who = Principal === undefined ? "" : `${toWho(Principal)} `;
  const others = NotPrincipal === undefined ? "" : `anyone but ${toWho(NotPrincipal)} `;
  const verb = Effect === "Deny" ? "may not" : "may";
  const what = NotAction === undefined ? toActions(Action) : `do anything but ${toActions(NotAction)}`;
  const resources = toList(Resource ?? NotResource).map(String);
  const where = resources.length === 0 ? "" : ` on ${NotResource === undefined ? "" : "anything but "}`;
  const clauses = isPlainMap(Condition) ? toConditionWords(Condition as Conditions) : [];
  const condition = clauses.length === 0 ? "" : `, if ${join(clauses, "and")}`;
  return `${who}${others}${verb} ${what}${where}${toResourceWords(site, resources)}${condition}`;
}

function checkVersion(version: Plain | undefined, { resource, policy, mend }: LivePolicy): Finding[] {
  if (version === POLICY_VERSION) return [];
  return [
    createFinding({ check: `${policy} version`, resource }, "drift", {
      expected: POLICY_VERSION,
      actual: version,
      meaning: "IAM reads the policy by the rules of an older version, in which variables are plain texts",
      mend,
    }),
  ];
}

function checkStatement(
  site: Site,
  { sid, why, json }: ExpectedStatement,
  { actual, resource, policy, mend }: LivePolicy & { actual: PlainMap | undefined },
): Finding {
  const about = { check: `${policy} statement ${sid}`, resource };
  const expected = json;
  if (actual === undefined) {
    return createFinding(about, "drift", { expected, meaning: toLoss(site, { sid, why, json }), mend });
  }
  const differences = findDifferences(toCanonicalStatement(json), toCanonicalStatement(actual));
  if (differences.length === 0) return createFinding(about, "ok", { expected, actual });
  const isGuard = json.Effect === "Deny";
  return createFinding(about, "drift", {
    expected: pickSide(differences, "expected"),
    actual: pickSide(differences, "actual"),
    meaning: `${isGuard ? `${toLoss(site, { sid, why, json })}, as far as it no longer says it` : "the rights differ from the intended ones"}; now ${toStatementWords(site, actual)}`,
    mend,
  });
}

function findExtra(
  site: Site,
  statement: PlainMap,
  { at, resource, policy, mend }: LivePolicy & { at: number },
): Finding {
  const name = statement.Sid === undefined ? `without Sid (${at + 1})` : String(statement.Sid);
  const words = toStatementWords(site, statement);
  return createFinding({ check: `${policy} statement ${name}`, resource }, "drift", {
    actual: statement,
    meaning: `${words}: nothing in the configuration asks for it`,
    mend: `take the statement out, or switch on the service that needs it in sluice.aws.yaml; ${mend}`,
  });
}

/** The protection or permission that is lost without the statement. */
function toLoss(site: Site, { sid, why, json }: ExpectedStatement): string {
  const guarded = GUARD_MEANINGS[sid];
  if (json.Effect === "Deny" && guarded !== undefined) return guarded;
  const words = toStatementWords(site, json);
  return json.Effect === "Deny" ? `no longer prevented: ${words} (${why})` : `no longer allowed: ${words} (${why})`;
}

function toWho(principal: Plain): string {
  if (!isPlainMap(principal)) return principal === "*" ? "anyone" : String(principal);
  const names = Object.entries(principal).flatMap(([kind, values]) =>
    toList(values).map((value) => (value === "*" ? "anyone" : `${kind === "Service" ? "service " : ""}${value}`)),
  );
  return join(names, "and");
}

function toActions(actions: Plain | undefined): string {
  const names = toList(actions).map(String);
  return join(
    names.map((name) =>
      name === "*" ? "do anything" : name.endsWith(":*") ? `do anything (${name})` : toActionWords(name),
    ),
    "and",
  );
}
