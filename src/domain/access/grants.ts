import type { Caller } from "../caller.ts";
import { DomainError } from "../errors.ts";
import { findIamMemberProblem, IAM_ALIAS } from "./iam-principal.ts";
import { NO_PATH, narrowScope, type PathScope, toPathScope, WHOLE_NAMESPACE } from "./path-scope.ts";
import { ROLES, type Role } from "./role.ts";

/** Roles in a namespace for a principal or a group, below some prefixes or everywhere. */
export interface Grant {
  /**
   * A principal or a group, as `Caller` names them: "github:repo:acme/tools", "entra:finance". A principal of AWS may end in "*",
   * which stands for every name that continues there: "iam:arn:aws:sts::111122223333:assumed-role/ci-*".
   */
  readonly member: { readonly principal: string } | { readonly group: string };
  /** At least one. */
  readonly roles: readonly Role[];
  /** Beginnings of paths; each ends in "/". An empty list stands for the whole namespace. */
  readonly prefixes: readonly string[];
}

/** Grants of a namespace: all of them are in the memory of every process. */
export const GRANTS_MAX = 1000;
/** Prefixes of one grant, after those within another are merged. */
export const GRANT_PREFIXES_MAX = 100;
/** Prefixes of all grants of a namespace together: no caller's list or search is of more ranges than this. */
export const NAMESPACE_PREFIXES_MAX = 1000;
/** Characters of a member's name; the longest that a token's claims may give. */
export const MEMBER_MAX_CHARACTERS = 512;
/** Bytes of a prefix in UTF-8: as of a path. */
const PREFIX_MAX_BYTES = 1024;

/**
 * Checks grants, merges the prefixes of each, and drops roles that are said twice. All problems are said at once:
 * `invalid_argument / GRANT_INVALID`.
 */
export function parseGrants(grants: readonly Grant[]): Grant[] {
  const problems: string[] = [];
  if (grants.length > GRANTS_MAX) throw toInvalid([`there are ${grants.length} grants; the limit is ${GRANTS_MAX}`]);
  const parsed = grants.map(({ member, roles, prefixes }, index) => {
    const refuse = (problem: string) => {
      problems.push(`grant ${index + 1}: ${problem}`);
    };
    const name = "principal" in member ? member.principal : member.group;
    const kind = "principal" in member ? "principal" : "group";
    if (!/^[a-z0-9-]{1,32}:.+$/su.test(name)) {
      refuse(
        `the ${kind} ${show(name)} names no issuer; write it as alias:name, for instance "github:repo:acme/tools"`,
      );
    }
    const iamProblem = name.startsWith(IAM_ALIAS) ? findIamProblem(kind, name) : undefined;
    if (iamProblem !== undefined) refuse(`the ${kind} ${show(name)} ${iamProblem}`);
    if (name.length > MEMBER_MAX_CHARACTERS)
      refuse(`the ${kind} has ${name.length} characters; the limit is ${MEMBER_MAX_CHARACTERS}`);
    const unknown = roles.find((role) => !ROLES.includes(role));
    if (unknown !== undefined) refuse(`there is no role ${show(unknown)}; the roles are ${ROLES.join(", ")}`);
    if (roles.length === 0) refuse(`it has no role; give one of ${ROLES.join(", ")}`);
    for (const problem of prefixes.flatMap(findPrefixProblems)) refuse(problem);
    const merged = prefixes.length === 0 ? [] : toPathScope(prefixes.map((prefix) => prefix.normalize("NFC")));
    if (merged.length > GRANT_PREFIXES_MAX)
      refuse(`it has ${merged.length} prefixes; the limit of a grant is ${GRANT_PREFIXES_MAX}`);
    return { member, roles: ROLES.filter((role) => roles.includes(role)), prefixes: merged };
  });
  const prefixes = parsed.reduce((count, grant) => count + grant.prefixes.length, 0);
  if (prefixes > NAMESPACE_PREFIXES_MAX)
    problems.push(
      `the grants have ${prefixes} prefixes together; the limit of a namespace is ${NAMESPACE_PREFIXES_MAX}`,
    );
  if (problems.length > 0) throw toInvalid(problems);
  return parsed;
}

function findIamProblem(kind: "principal" | "group", name: string): string | undefined {
  if (kind === "group") return "can have no member: callers of AWS have no groups; name the role as a principal";
  return findIamMemberProblem(name, { mayEndInStar: true });
}

/** What is wrong with a beginning of paths, as sentences; none for one that ends in "/" and that a path may begin with. */
export function findPrefixProblems(prefix: string): string[] {
  const shown = show(prefix);
  if (!prefix.endsWith("/")) return [`the prefix ${shown} must end in "/", so that "team" does not reach "team-b"`];
  if (!prefix.isWellFormed() || prefix.includes("\u0000")) return [`the prefix ${shown} is not well-formed Unicode`];
  const isNoFolder = prefix
    .split("/")
    .slice(0, -1)
    .some((segment) => ["", ".", ".."].includes(segment));
  if (isNoFolder) return [`the prefix ${shown} has an empty segment, "." or ".."; no path begins with it`];
  const sizeBytes = Buffer.byteLength(prefix);
  return sizeBytes > PREFIX_MAX_BYTES ? [`a prefix has ${sizeBytes} bytes; the limit is ${PREFIX_MAX_BYTES}`] : [];
}

function show(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

/** Problems that are told: nobody mends more of them at once. */
const PROBLEMS_SHOWN_MAX = 20;

function toInvalid(problems: readonly string[]): DomainError {
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  return new DomainError("invalid_argument", shown.join("; "), { reason: "GRANT_INVALID", field: "grants" });
}

/**
 * The grants of a namespace by who has them, so that a call costs as many look-ups as its caller has groups. Those that end in "*"
 * are compared one by one, for callers of AWS alone.
 */
export class GrantTable {
  readonly #principals = new Map<string, Grant[]>();
  readonly #groups = new Map<string, Grant[]>();
  readonly #beginnings: { beginning: string; grant: Grant }[] = [];

  constructor(grants: readonly Grant[]) {
    for (const grant of grants) {
      const { member } = grant;
      const name = "principal" in member ? member.principal : member.group;
      if ("principal" in member && name.startsWith(IAM_ALIAS) && name.endsWith("*")) {
        this.#beginnings.push({ beginning: name.slice(0, -1), grant });
        continue;
      }
      const of = "principal" in member ? this.#principals : this.#groups;
      of.set(name, [...(of.get(name) ?? []), grant]);
    }
  }

  /** The paths for which a caller has the role. */
  scopeOf({ principal, groups }: Pick<Caller, "principal" | "groups">, role: Role): PathScope {
    const byName = [this.#principals.get(principal), ...groups.map((group) => this.#groups.get(group))];
    const grants = [...byName.flatMap((found) => found ?? []), ...this.#beginningOf(principal)].filter(({ roles }) =>
      roles.includes(role),
    );
    if (grants.length === 0) return NO_PATH;
    if (grants.some(({ prefixes }) => prefixes.length === 0)) return WHOLE_NAMESPACE;
    return toPathScope(grants.flatMap(({ prefixes }) => prefixes));
  }

  #beginningOf(principal: string): readonly Grant[] {
    if (this.#beginnings.length === 0 || !principal.startsWith(IAM_ALIAS)) return [];
    return this.#beginnings.filter(({ beginning }) => principal.startsWith(beginning)).map(({ grant }) => grant);
  }

  /** Those of the groups that have the role at some path that begins with `prefix`. */
  groupsWith(role: Role, groups: readonly string[], prefix: string): string[] {
    const has = (group: string) => this.#groups.get(group)?.some((grant) => reaches(grant, role, prefix)) ?? false;
    return groups.filter(has);
  }
}

function reaches({ roles, prefixes }: Grant, role: Role, prefix: string): boolean {
  return roles.includes(role) && (prefixes.length === 0 || narrowScope(prefixes, prefix).length > 0);
}
