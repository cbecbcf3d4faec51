import type { ReadableType } from "../template/readable-type.ts";
import { listReadPermissions, READABLE_TYPES } from "../template/readable-types.ts";
import type { Site } from "../template/site.ts";
import { getAtt, type Resource } from "../template/template.ts";
import type { Value } from "../template/value.ts";
import type { AllowStatement, Statement } from "./policy.ts";

/**
 * What the reader of these resources needs: Cloud Control reads everything that is no bucket and no role, and asks each
 * service in the caller's name. Policies, keys and messages' settings are read of the template's own alone.
 */
export function createCloudControlStatements(site: Site, resources: Readonly<Record<string, Resource>>): Statement[] {
  const readable = Object.entries(resources).filter(([, { type }]) => READABLE_TYPES[type] !== undefined);
  const limited = readable.flatMap(([logicalId, { type, properties }]) => {
    const { isLimited, found, arn, read, unlimited = [] } = READABLE_TYPES[type] as ReadableType;
    if (!isLimited || arn === undefined) return [];
    const of = found.by === "reference" ? getAtt(logicalId, "Arn") : arn(site, properties, "");
    return [{ arn: of, read: read.filter((action) => !unlimited.includes(action)) }];
  });
  const owned = new Set(limited.flatMap(({ read }) => read));
  const all = new Set(readable.flatMap(([, { type }]) => listReadPermissions(type)));
  const others = [...all].filter((action) => !owned.has(action));
  const common = {
    source: "https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/security.html",
  } as const satisfies Partial<AllowStatement>;
  return [
    ...toStatement(owned, {
      ...common,
      sid: "ReadOwnSettings",
      why: "Cloud Control reads the template's own queues, topics, rules and keys, and their policies, under these permissions.",
      resources: toDistinct(limited.map(({ arn }) => arn)),
    }),
    ...toStatement(new Set(others), {
      ...common,
      sid: "ReadOtherSettings",
      why: "Cloud Control reads the settings of all else that the template makes. Some of these actions know no resource, and some one whose id AWS makes up.",
      resources: ["*"],
      conditions: { StringEqualsIfExists: { "aws:ResourceAccount": site.account } },
    }),
  ];
}

/** The statement, or none without actions. */
function toStatement(actions: ReadonlySet<string>, statement: Omit<AllowStatement, "actions">): AllowStatement[] {
  return actions.size === 0 ? [] : [{ ...statement, actions: [...actions].sort() }];
}

function toDistinct(values: readonly Value[]): Value[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
