import { parse, stringify, YAMLParseError } from "yaml";
import type { Grant, Grants } from "../../client/calls/namespace-calls.ts";
import { UsageError } from "../terminal/exit-code.ts";

const ROLES = ["reader", "writer", "deleter", "auditor", "admin"];

/** Grants as YAML, in the form that `parseGrantsFile` reads. */
export function formatGrantsFile({ etag, grants }: Grants): string {
  return stringify({ etag, grants: grants.map(toPlain) });
}

/** A grant with its prefixes only where it has some. */
export function toPlain({ prefixes = [], ...grant }: Grant): Grant {
  return prefixes.length === 0 ? grant : { ...grant, prefixes };
}

/**
 * Reads grants from YAML or JSON: an object with `grants` and perhaps the `etag` that they are to replace. Throws a `UsageError`
 * that names the wrong grant.
 */
export function parseGrantsFile(text: string): { grants: Grant[]; etag: string } {
  const { grants, etag = "", ...rest } = asObject(parseYaml(text), "the file");
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new UsageError(`the file has no field ${unknown}; it has grants and perhaps etag`);
  if (!Array.isArray(grants)) throw new UsageError("the file has no list of grants; `sluice grants get` prints one");
  if (typeof etag !== "string" && typeof etag !== "number") throw new UsageError("etag is no text");
  return { grants: grants.map((grant, index) => toGrant(grant, `grant ${index + 1}`)), etag: String(etag) };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof YAMLParseError) throw new UsageError(`the file is no YAML: ${error.message.split("\n")[0]}`);
    throw error;
  }
}

function toGrant(value: unknown, which: string): Grant {
  const { principal, group, roles, prefixes = [], ...rest } = asObject(value, which);
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw new UsageError(`${which} has a field ${unknown}; it has principal or group, roles, and perhaps prefixes`);
  }
  if ((typeof principal === "string") === (typeof group === "string"))
    throw new UsageError(`${which} must name either a principal or a group`);
  const named = typeof principal === "string" ? { principal } : { group: group as string };
  return {
    ...named,
    roles: parseRoles(asTexts(roles, `roles of ${which}`)),
    prefixes: asTexts(prefixes, `prefixes of ${which}`),
  };
}

/** Checks names of roles; a `UsageError` says which there are. */
export function parseRoles(names: readonly string[]): Grant["roles"] {
  const wrong = names.find((name) => !ROLES.includes(name));
  if (wrong === undefined) return names as Grant["roles"];
  throw new UsageError(`there is no role "${wrong}"; the roles are ${ROLES.join(", ")}`);
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${what} is no object of fields`);
}

function asTexts(value: unknown, what: string): string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new UsageError(`the ${what} are no list of texts`);
}
