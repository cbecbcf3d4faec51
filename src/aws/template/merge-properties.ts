import { Leaf, type Properties, type Value } from "./value.ts";

/** Merges two sets of properties: objects by key, and lists joined. Throws when simple values differ. */
export function mergeProperties(a: Properties, b: Properties): Properties {
  const merged: Record<string, Value> = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const before = merged[key];
    merged[key] = before === undefined ? value : mergeValues(before, value, key);
  }
  return merged;
}

function mergeValues(a: Value, b: Value, key: string): Value {
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (isProperties(a) && isProperties(b)) return mergeProperties(a, b);
  if (a === b) return a;
  throw new Error(`two services set ${key}, to ${JSON.stringify(a)} and to ${JSON.stringify(b)}`);
}

function isProperties(value: Value): value is Properties {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Leaf);
}
