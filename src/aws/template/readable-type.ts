import type { Site } from "./site.ts";

/** A resource's properties as plain JSON, with literal texts wherever they are known. */
type Plain = Readonly<Record<string, unknown>>;

/** How a resource of a type is found among those that are deployed. */
export type Found =
  /** By the identifier that follows from the template. Text by text, `|` between the parts of one of several. */
  | { readonly by: "identifier"; readonly of: (site: Site, properties: Plain) => string }
  /**
   * AWS makes the identifier up: all of the type are listed (`within`: of one parent, by the property that names it), and
   * each is read until the one that is meant is there. `list` are the permissions of listing.
   */
  | {
      readonly by: "list";
      readonly list: readonly string[];
      readonly within?: string;
      readonly isIt: (site: Site, properties: Plain, live: Plain) => boolean;
    }
  /** AWS makes the identifier up, and another resource of the template names it. */
  | { readonly by: "reference" };

/** How Cloud Control reads the resources of one type. */
export interface ReadableType {
  readonly found: Found;
  /** Path of the property that is the resource's name in findings; its logical id when left out. */
  readonly name?: string;
  /** Permissions that reading one takes, by the type's schema. Cloud Control reads under the caller's own. */
  readonly read: readonly string[];
  /** What `Fn::GetAtt` of its ARN gives, with `id` for an id that AWS makes up; for a policy, the ARN of what has it. */
  readonly arn?: (site: Site, properties: Plain, id: string) => string;
  /** Whether every permission of `read` but those of `unlimited` can be limited to the resource. */
  readonly isLimited?: boolean;
  /** Permissions of `read` that know no resource. */
  readonly unlimited?: readonly string[];
  /** Values that AWS fills in where the template says nothing, and without which the resource does not serve. */
  readonly defaults?: Plain;
  /** Properties that AWS takes and never answers. */
  readonly writeOnly?: readonly string[];
  /** Properties whose ARN AWS answers by its last part alone. */
  readonly shortened?: readonly string[];
}

/** The text at a path such as `BackupPlan.BackupPlanName`, where a number is a place in a list; "" when there is none. */
export function textAt(properties: Plain, path: string): string {
  const value = path.split(".").reduce<unknown>((one, step) => (one as Plain | undefined)?.[step], properties);
  return value === undefined ? "" : String(value);
}

/** Found by the name at this path, which is the identifier. */
export function byName(path: string): Pick<ReadableType, "found" | "name"> {
  return { name: path, found: { by: "identifier", of: (_, properties) => textAt(properties, path) } };
}

/** Found in a list by the name at this path. `list` are the permissions of listing. */
export function byList(path: string, list: readonly string[]): Pick<ReadableType, "found" | "name"> {
  return { name: path, found: { by: "list", list, isIt: sameAt(path) } };
}

/** Whether the live resource has the same text at this path. */
export function sameAt(path: string) {
  return (_: Site, properties: Plain, live: Plain) => textAt(properties, path) === textAt(live, path);
}
