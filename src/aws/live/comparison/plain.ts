import { Leaf } from "../../template/value.ts";

/** JSON without null: a value that does not exist is left out. */
export type Plain = string | number | boolean | readonly Plain[] | PlainMap;

/** Plain values by name. */
export type PlainMap = { readonly [key: string]: Plain };

/**
 * The value as plain JSON: undefined and null are left out, dates are in ISO 8601, and policies are their documents.
 * Undefined when there is no value.
 */
export function toPlain(value: unknown): Plain | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof Leaf) return toPlain(value.toJson());
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(toPlain).filter((one) => one !== undefined);
  if (typeof value !== "object") return value as string | number | boolean;
  const entries = Object.entries(value).flatMap(([key, one]) => {
    const plain = toPlain(one);
    return plain === undefined ? [] : [[key, plain] as const];
  });
  return Object.fromEntries(entries);
}

/** Whether the value is a map. */
export function isPlainMap(value: Plain | undefined): value is PlainMap {
  return typeof value === "object" && !Array.isArray(value);
}

/** The value as a list: a list stays, any other value becomes a list of one, and no value becomes an empty list. */
export function toList(value: Plain | undefined): readonly Plain[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as Plain];
}

/** The value of JSON that was answered as its text; any other value, and a text that is no list and no map, as it is. */
export function fromText(value: Plain | undefined): Plain | undefined {
  if (typeof value !== "string" || !/^\s*[{[]/.test(value)) return value;
  try {
    return toPlain(JSON.parse(value));
  } catch {
    return value;
  }
}
