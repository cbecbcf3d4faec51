import type { GrantTable } from "../domain/access/grants.ts";
import { NAMESPACE_RULES, type NamespaceMethod } from "../domain/access/method-rules.ts";
import { isInScope, NO_PATH, type PathScope, toPathScope, WHOLE_NAMESPACE } from "../domain/access/path-scope.ts";
import { ROLES, type Role } from "../domain/access/role.ts";
import { isInPlace, refuseIssuer, refusePlace, showPlace, UPLOAD_TOKEN_LIMITS } from "../domain/access/upload-token.ts";
import type { Caller, UploadToken } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import { namespaceNotFound } from "../domain/repository-refusals.ts";

/** The grants as this process knows them. */
export interface GrantDirectory {
  /** The grants of a namespace; undefined when there is none of this name. */
  grantsOf(namespace: string): GrantTable | undefined;
  /**
   * Undefined when the grants in memory are young enough to decide from. Otherwise it resolves when they are, and rejects with
   * `unavailable / DATABASE_UNAVAILABLE` when they cannot be read.
   */
  freshen(namespace: string): Promise<void> | undefined;
}

/** A path that a caller wants to do something at. */
export interface Subject {
  readonly namespace: string;
  readonly path: string;
  /** The error for callers who may not know that it exists: the same as if it did not. */
  readonly toNotFound: () => DomainError;
}

/**
 * Says what callers may do, by the grants of the namespaces. Whatever no grant allows is refused. The development token may do
 * everything: it exists in the embedded stack alone, and no production service accepts it. An upload token has no role: it may
 * write in its place as long as its issuer may.
 */
export class Authority {
  readonly #directory: GrantDirectory;
  readonly #admins: ReadonlySet<string>;

  /** `admins` are principals and groups that may create namespaces and set grants. */
  constructor(directory: GrantDirectory, options: { admins: readonly string[] }) {
    this.#directory = directory;
    this.#admins = new Set(options.admins);
  }

  /** See `GrantDirectory.freshen`: to be awaited before the other methods are asked. */
  freshen(namespace: string): Promise<void> | undefined {
    return this.#directory.freshen(namespace);
  }

  /** The grants of a namespace, another object once they have changed; undefined when there is none of this name. */
  grantsOf(namespace: string): object | undefined {
    return this.#directory.grantsOf(namespace);
  }

  /** The paths for which a caller has one of the roles. */
  scopeOf(caller: Caller, namespace: string, oneOf: readonly Role[]): PathScope {
    const grants = this.#directory.grantsOf(namespace);
    if (grants === undefined || caller.tokenKind === "upload") return NO_PATH;
    if (caller.tokenKind === "dev") return WHOLE_NAMESPACE;
    if (oneOf.length === 1) return grants.scopeOf(caller, oneOf[0] as Role);
    return toPathScope(oneOf.flatMap((role) => grants.scopeOf(caller, role)));
  }

  /** Says if the caller has any role in the namespace: then the namespace's existence is no secret to them. */
  isVisible(caller: Caller, namespace: string): boolean {
    return this.scopeOf(caller, namespace, ROLES).length > 0;
  }

  /**
   * Why the caller may not do what needs one of the roles there; undefined when they may. Whoever may read the path hears which
   * role is missing, `permission_denied / PERMISSION_DENIED`; everybody else hears that there is nothing, `not_found`.
   */
  findRefusal(caller: Caller, oneOf: readonly Role[], subject: Subject): DomainError | undefined {
    const { namespace, path, toNotFound } = subject;
    if (caller.uploadToken !== undefined) return this.#findTokenRefusal(caller.uploadToken, subject);
    if (isInScope(this.scopeOf(caller, namespace, oneOf), path)) return undefined;
    if (!this.isVisible(caller, namespace)) return hide(namespaceNotFound(namespace));
    if (!isInScope(this.scopeOf(caller, namespace, ["reader"]), path)) return hide(toNotFound());
    return toDenied(`you may read ${JSON.stringify(path)} in namespace ${namespace}`, oneOf);
  }

  #findTokenRefusal(token: UploadToken, subject: Subject): DomainError | undefined {
    const { namespace, path } = subject;
    if (namespace !== token.namespace || !isInPlace(token.place, path)) return refusePlace(token);
    return this.findRefusal(token.issuer, ["writer"], subject) && refuseIssuer();
  }

  /**
   * The caller as an upload token names its issuer: with those of their groups that give the right to write in the place.
   * Rejects with `failed_precondition / ARGUMENT_INVALID` where a token has no room for the groups that it takes.
   */
  toIssuer(caller: Caller, namespace: string, place: string): Caller {
    const { principal, tokenKind } = caller;
    const withRight = this.#directory.grantsOf(namespace)?.groupsWith("writer", caller.groups, place) ?? [];
    const covers = (groups: readonly string[]) =>
      isInScope(this.scopeOf({ principal, groups, tokenKind }, namespace, ["writer"]), place);
    // Groups that are enough by themselves come first, where there is no room for all.
    const wanted = [...withRight.filter((group) => covers([group])), ...withRight.filter((group) => !covers([group]))];
    const groups: string[] = [];
    for (const group of wanted) {
      const sizeBytes = Buffer.byteLength(JSON.stringify([...groups, group]));
      if (sizeBytes <= UPLOAD_TOKEN_LIMITS.groupsMaxBytes) groups.push(group);
    }
    if (covers(groups)) return { principal, groups, tokenKind };
    const bound = `a token has room for ${UPLOAD_TOKEN_LIMITS.groupsMaxBytes} bytes of their names`;
    const message = `you may write to ${showPlace(place)} by ${wanted.length} groups together, and ${bound}; ask an admin of the namespace for a grant to you or to one of them`;
    throw new DomainError("failed_precondition", message, { reason: "ARGUMENT_INVALID" });
  }

  /** Returns the paths that a list may show. Throws as `findRefusal` refuses when the caller has none of the roles anywhere. */
  requireScope(caller: Caller, oneOf: readonly Role[], namespace: string): PathScope {
    const scope = this.scopeOf(caller, namespace, oneOf);
    if (scope.length > 0) return scope;
    if (!this.isVisible(caller, namespace)) throw hide(namespaceNotFound(namespace));
    throw toDenied(`you have a role in namespace ${namespace}`, oneOf);
  }

  /** Says if SLUICE_ADMINS names the caller or one of their groups. */
  isServiceAdmin({ principal, groups, tokenKind }: Caller): boolean {
    if (tokenKind === "upload") return false;
    return tokenKind === "dev" || this.#admins.has(principal) || groups.some((group) => this.#admins.has(group));
  }

  /** Refuses a method on the service itself to whom SLUICE_ADMINS does not name, by PERMISSION_DENIED. */
  requireServiceAdmin(caller: Caller): void {
    if (!this.isServiceAdmin(caller))
      throw denied("this needs an entry in SLUICE_ADMINS; ask whoever runs the service");
  }

  /** Whether the caller may do this to a namespace itself, wherever in it they have a role. */
  mayManage(caller: Caller, method: NamespaceMethod, namespace: string): boolean {
    return NAMESPACE_RULES[method].some((role) =>
      role === "service-admin" ? this.isServiceAdmin(caller) : this.scopeOf(caller, namespace, [role]).length > 0,
    );
  }

  /** Refuses a method on a namespace itself: NAMESPACE_NOT_FOUND, or PERMISSION_DENIED when its existence is no secret. */
  requireManager(caller: Caller, method: NamespaceMethod, namespace: string): void {
    const isThere = method === "createNamespace" || this.#directory.grantsOf(namespace) !== undefined;
    if (!isThere) throw namespaceNotFound(namespace);
    if (this.mayManage(caller, method, namespace)) return;
    const isKnown = method === "createNamespace" || this.isVisible(caller, namespace) || this.isServiceAdmin(caller);
    if (!isKnown) throw hide(namespaceNotFound(namespace));
    const roles = NAMESPACE_RULES[method].join(" or ").replace("service-admin", "an entry in SLUICE_ADMINS");
    throw denied(`this needs ${roles}; ask whoever runs the service or the namespace`);
  }
}

/** To the caller it is as if it were not there; the journal says that they were denied. */
function hide(notFound: DomainError): DomainError {
  return notFound.hiding("PERMISSION_DENIED");
}

function toDenied(what: string, oneOf: readonly Role[]): DomainError {
  return denied(`${what}, but this needs the role ${oneOf.join(" or ")}; ask an admin of the namespace for it`);
}

function denied(message: string): DomainError {
  return new DomainError("permission_denied", message, { reason: "PERMISSION_DENIED" });
}
