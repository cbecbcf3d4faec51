import { isExpectedText } from "./made-up-ids.ts";
import { isPlainMap, type Plain, type PlainMap } from "./plain.ts";

/** One place at which the live value is not the expected one. */
export interface Difference {
  /** `Rules[TierFiles].Transitions.TransitionInDays`; "" for the whole. */
  readonly path: string;
  /** Undefined when no value is expected. */
  readonly expected: Plain | undefined;
  /** Undefined when there is no value. */
  readonly actual: Plain | undefined;
}

/** Keys that tell the members of a list apart, when they have one of them. */
const KEYS = ["Id", "Key"] as const;

/**
 * Finds every difference. Lists are compared as sets: their order means nothing, and members are matched by `Id` or `Key`
 * when they have one. Numbers and booleans are compared as texts: APIs and templates differ in which they use.
 */
export function findDifferences(expected: Plain | undefined, actual: Plain | undefined, path = ""): Difference[] {
  if (expected === undefined && actual === undefined) return [];
  if (expected === undefined || actual === undefined) return [{ path, expected, actual }];
  if (Array.isArray(expected) && Array.isArray(actual)) return compareLists(expected, actual, path);
  if (isPlainMap(expected) && isPlainMap(actual)) return compareMaps(expected, actual, path);
  const isSame =
    typeof expected !== "object" && typeof actual !== "object" && isExpectedText(`${expected}`, `${actual}`);
  return isSame ? [] : [{ path, expected, actual }];
}

/** The expected sides of differences by their paths; undefined when there are none. */
export function pickSide(differences: readonly Difference[], side: "expected" | "actual"): Plain | undefined {
  const entries = differences.flatMap(({ path, [side]: value }) =>
    value === undefined ? [] : [[path, value] as const],
  );
  if (entries.length === 0) return undefined;
  return entries[0]?.[0] === "" ? entries[0][1] : Object.fromEntries(entries);
}

function compareMaps(expected: PlainMap, actual: PlainMap, path: string): Difference[] {
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(actual)])];
  return keys.flatMap((key) => findDifferences(expected[key], actual[key], path === "" ? key : `${path}.${key}`));
}

function compareLists(expected: readonly Plain[], actual: readonly Plain[], path: string): Difference[] {
  const key = KEYS.find((one) => [...expected, ...actual].every((item) => isPlainMap(item) && item[one] !== undefined));
  if (key !== undefined) return compareKeyed(expected as PlainMap[], actual as PlainMap[], { path, key });
  const { missing, extra } = matchItems(expected, actual);
  const isSingle = expected.length === 1 && actual.length === 1;
  return Array.from({ length: Math.max(missing.length, extra.length) }, (_, at) =>
    findDifferences(missing[at], extra[at], isSingle ? path : `${path}[${at}]`),
  ).flat();
}

function compareKeyed(
  expected: readonly PlainMap[],
  actual: readonly PlainMap[],
  { path, key }: { path: string; key: string },
): Difference[] {
  const byKey = (items: readonly PlainMap[]) => new Map(items.map((item) => [String(item[key]), item]));
  const [ours, theirs] = [byKey(expected), byKey(actual)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((name) =>
    findDifferences(ours.get(name), theirs.get(name), `${path}[${name}]`),
  );
}

/**
 * The members of each side that have no counterpart. Texts with a part that AWS made up are matched last, so that they do not
 * take the counterpart of another.
 */
function matchItems(expected: readonly Plain[], actual: readonly Plain[]): { missing: Plain[]; extra: Plain[] } {
  const extra = [...actual];
  const missing = [...expected].filter((item) => !take(extra, (one) => JSON.stringify(item) === JSON.stringify(one)));
  const unmatched = missing.filter((item) => !take(extra, (one) => findDifferences(item, one).length === 0));
  return { missing: unmatched, extra };
}

function take(items: Plain[], isWanted: (item: Plain) => boolean): boolean {
  const at = items.findIndex(isWanted);
  if (at >= 0) items.splice(at, 1);
  return at >= 0;
}
