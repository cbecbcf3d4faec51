import { withoutAwsTags } from "./canonical-facet.ts";
import { findDifferences } from "./differences.ts";
import { fromText, isPlainMap, type Plain } from "./plain.ts";

/**
 * The live value without everything that the template does not state: AWS fills in many defaults, and answers ids and times
 * of its own. Members of lists are all kept, because a further target or tag is a drift; each is reduced to what the expected
 * member states that it resembles most. What is off in the template may be left out in the answer. Open JSON may be answered
 * as its text.
 */
export function toStatedPart(expected: Plain, live: Plain | undefined): Plain | undefined {
  if (live === undefined) return expected === false || expected === "" ? expected : undefined;
  const value = typeof expected === "object" ? fromText(live) : live;
  if (Array.isArray(expected) && Array.isArray(value)) return reduceItems(expected, value);
  if (!isPlainMap(expected) || !isPlainMap(value)) return value;
  const entries = Object.entries(expected).flatMap(([key, one]) => {
    const part = toStatedPart(one, key === "Tags" && Array.isArray(one) ? withoutAwsTags(value[key]) : value[key]);
    return part === undefined ? [] : [[key, part] as const];
  });
  return Object.fromEntries(entries);
}

/** Pairs those first that are alike to the last value, so that they take no other's counterpart. */
function reduceItems(expected: readonly Plain[], live: readonly Plain[]): readonly Plain[] {
  const free = [...expected];
  const reduced = new Map<number, Plain>();
  const differencesOf = (one: Plain, item: Plain) => findDifferences(one, toStatedPart(one, item)).length;
  const pair = (at: number, item: Plain, one: Plain) => {
    reduced.set(at, toStatedPart(one, item) ?? item);
    free.splice(free.indexOf(one), 1);
  };
  for (const [at, item] of live.entries()) {
    const same = free.find((one) => differencesOf(one, item) === 0);
    if (same !== undefined) pair(at, item, same);
  }
  for (const [at, item] of live.entries()) {
    const [nearest] = free.toSorted((a, b) => differencesOf(a, item) - differencesOf(b, item));
    if (!reduced.has(at) && nearest !== undefined) pair(at, item, nearest);
  }
  return live.map((item, at) => reduced.get(at) ?? item);
}
