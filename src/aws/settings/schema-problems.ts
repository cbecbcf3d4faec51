import { z } from "zod";
import { findNearest } from "../../domain/nearest-name.ts";
import { SettingsProblem } from "./settings-problem.ts";

const SHOWN_LENGTH_MAX = 100;

/** The problems that a schema found, as sentences. For an unknown key, the sentence names the nearest known key. */
export function toSettingsProblems(schema: z.ZodType, issues: readonly z.core.$ZodIssue[]): SettingsProblem[] {
  return issues.flatMap((issue) => toProblems(schema, issue));
}

function toProblems(schema: z.ZodType, issue: z.core.$ZodIssue): SettingsProblem[] {
  const path = issue.path as (string | number)[];
  const at = path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => new SettingsProblem(toUnknownKey(schema, key, path), [...path, key]));
  }
  if (path.length === 0) return [new SettingsProblem('settings are names with values, such as "bucket: my-files"')];
  if (issue.code === "invalid_union") {
    // When the value is a map of options, their own problems are reported. Otherwise the value is of no allowed kind.
    const inner = issue.errors.find((branch) =>
      branch.some((one) => one.path.length > 0 || one.code === "unrecognized_keys"),
    );
    if (inner !== undefined)
      return inner.flatMap((one) =>
        toProblems(schema, { ...one, path: [...issue.path, ...one.path] } as z.core.$ZodIssue),
      );
    if (path[0] === "services") return [new SettingsProblem(`${at}: write true, false or its options`, path)];
    const wanted = issue.errors.flatMap((branch) => branch.map(({ message }) => message));
    return [new SettingsProblem(`${at}${toShown(issue.input)}: ${wanted.join("; or: ")}`, path)];
  }
  if (issue.code === "invalid_key") {
    return issue.issues.map(({ message }) => new SettingsProblem(`${at}: ${message}`, path));
  }
  if (issue.code === "invalid_type" && issue.input === undefined) {
    return [new SettingsProblem(`${at} is missing`, path)];
  }
  return [new SettingsProblem(`${at}${toShown(issue.input)}: ${issue.message}`, path)];
}

/** The offending value, if it is short and simple. */
function toShown(value: unknown): string {
  const isSimple = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return isSimple && String(value).length <= SHOWN_LENGTH_MAX ? ` ${JSON.stringify(value)}` : "";
}

function toUnknownKey(schema: z.ZodType, key: string, path: readonly (string | number)[]): string {
  const known = listKeys(schema, path);
  const nearest = findNearest(key, known);
  const what =
    path.length === 1 && path[0] === "services"
      ? `there is no AWS service "${key}" to switch on`
      : `${[...path, key].join(".")} is no setting`;
  const owners = path.length === 2 && path[0] === "services" ? listOwners(schema, key) : [];
  if (owners.length > 0)
    return `${what}; it is an option of ${owners.join(", ")}${known.length > 0 ? `; known: ${known.join(", ")}` : ""}`;
  if (nearest !== undefined) return `${what}; did you mean "${nearest}"?`;
  return known.length > 0 ? `${what}; known: ${known.join(", ")}` : what;
}

/** Services that have an option of that name. */
function listOwners(schema: z.ZodType, key: string): string[] {
  return listKeys(schema, ["services"]).filter((name) => listKeys(schema, ["services", name]).includes(key));
}

/** Keys that the schema knows at a path, through defaults, optional fields and unions. */
function listKeys(schema: unknown, path: readonly (string | number)[]): string[] {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return listKeys(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((one) => listKeys(one, path));
  if (schema instanceof z.ZodArray && typeof path[0] === "number") return listKeys(schema.element, path.slice(1));
  if (!(schema instanceof z.ZodObject)) return [];
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(schema.shape);
  return Object.hasOwn(schema.shape, first) ? listKeys(schema.shape[first], rest) : [];
}
