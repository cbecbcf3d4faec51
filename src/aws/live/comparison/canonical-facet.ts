import type { BucketFacet } from "./live-facets.ts";
import { isPlainMap, type Plain, type PlainMap, toList } from "./plain.ts";

/** Values that mean the same as no value: S3 fills some in, and leaves others out. */
const DEFAULTS: Readonly<Record<string, Plain>> = {
  AccelerationStatus: "Suspended",
  BucketKeyEnabled: false,
  EventBridgeEnabled: false,
  ExpiredObjectDeleteMarker: false,
  LogFilePrefix: "",
  Prefix: "",
  TransitionDefaultMinimumObjectSize: "all_storage_classes_128K",
};

/**
 * The facet in the one form in which it is compared: without defaults, without empty values, and without tags that AWS sets
 * itself. Undefined when nothing is left.
 */
export function toCanonicalFacet(facet: BucketFacet, value: Plain | undefined): Plain | undefined {
  return dropDefaults(facet === "Tags" ? withoutAwsTags(value) : value);
}

/** Tags without those that only AWS itself can set (CloudFormation's `aws:cloudformation:…`). */
export function withoutAwsTags(tags: Plain | undefined): Plain | undefined {
  const own = toList(tags).filter((tag) => !String((tag as PlainMap).Key).startsWith("aws:"));
  return own.length === 0 ? undefined : own;
}

function dropDefaults(value: Plain | undefined): Plain | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) {
    const items = value.map(dropDefaults).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (!isPlainMap(value)) return value;
  const entries = Object.entries(value).flatMap(([key, one]) => {
    const kept = DEFAULTS[key] === one ? undefined : dropDefaults(one);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
