import type { Authority, Subject } from "../auth/authority.ts";
import {
  METHOD_RULES,
  NAMESPACE_RULES,
  type NamespaceMethod,
  type Need,
  type RuledMethod,
  UPLOAD_TOKEN_METHODS,
} from "../domain/access/method-rules.ts";
import { isInScope, type PathScope } from "../domain/access/path-scope.ts";
import { refuseMethod, showPlace } from "../domain/access/upload-token.ts";
import type { Caller, UploadToken } from "../domain/caller.ts";
import { isUuid } from "../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import { type FileRetention, RETENTION_FIELDS } from "../domain/files/file-retention.ts";
import { fileNotFound, linkNotFound, uploadNotFound } from "../domain/repository-refusals.ts";
import { authorizeEvents } from "./authorize-events.ts";
import { type BoundFunctions, mapFamilies } from "./bound-functions.ts";
import type { CallOptions } from "./calls/caller-context.ts";
import type { JobFunctions } from "./services/job-service.ts";
import type { NamespaceFunctions } from "./services/namespace-service.ts";

/** Where things with ids lie. Undefined when there is none in the namespace: the method itself says so. */
export interface PathsById {
  /** `uploadTokenId` is the id of the upload token that created the upload, and undefined where none did. */
  ofUpload(
    namespace: string,
    uploadId: string,
  ): Promise<{ path: string; uploadTokenId: string | undefined } | undefined>;
  ofLink(namespace: string, linkId: string): Promise<string | undefined>;
}

/** The fields of requests that say where. */
interface Request {
  namespace: string;
  path?: string;
  targetPath?: string;
  place?: string;
  uploadId?: string;
  linkId?: string;
  values?: FileRetention;
  updateMask?: readonly string[] | undefined;
}

type Call = (request: unknown, options: CallOptions) => Promise<unknown>;
type Stream = (request: unknown, options: CallOptions) => AsyncIterable<unknown>;
type Functions = Record<string, (request: never, options: never) => unknown>;

/** Names of METHOD_RULES whose answer is a stream. */
const STREAMS: ReadonlySet<string> = new Set<RuledMethod>([...(["readFile", "watchUpload", "exportAudit"] as const)]);
/** The message of a part is admitted before its request is known; `writePart` asks then. `beginWrite` has a gate of its own. */
const OTHERS: ReadonlySet<string> = new Set(["admitPart", "beginWrite"]);

/** What admits a call of a caller who has the right to it: the quotas of requests. Undefined: at once. */
export type AdmitRequest = (
  namespace: string,
  caller: Caller,
  options: { signal?: AbortSignal },
) => Promise<void> | undefined;

/**
 * The same functions for callers who have what METHOD_RULES and NAMESPACE_RULES say; all faces of the API meet here. A stream
 * ends when its caller loses the role in the middle of it. Rejects as `Authority` says, and then as `admitRequest`: whoever has
 * no right to a namespace uses nothing of its quotas. Methods on namespaces are not admitted by it, so that an admin can always
 * change a quota.
 */
export function authorizeFunctions(
  functions: BoundFunctions,
  authority: Authority,
  { paths, admitRequest }: { paths: PathsById; admitRequest: AdmitRequest },
): BoundFunctions {
  const gate = new Gate(authority, paths, admitRequest);
  const { uploads, namespaces, events, jobs, ...others } = functions;
  return {
    ...mapFamilies(others, (each) => authorizeAll(each, gate)),
    uploads: {
      ...authorizeAll(uploads, gate),
      beginWrite: async (request, options) => {
        const where = "create" in request ? request.create : request;
        const subjects = await gate.admit("beginWrite", where, options);
        const findRefusal = () => gate.findRefusal(options.caller, subjects);
        return await uploads.beginWrite(request, { ...options, findRefusal });
      },
    },
    namespaces: authorizeNamespaces(namespaces, authority),
    events: authorizeEvents(events, authority),
    jobs: authorizeJobs(jobs, authority, gate),
  };
}

/**
 * Admits single steps of a method by the same rules, for work that goes on after its call. They use nothing of the quotas of
 * requests.
 */
export function createAdmission(authority: Authority, paths: PathsById) {
  const gate = new Gate(authority, paths, () => undefined);
  return (method: RuledMethod, request: Request, options: { caller: Caller }) => gate.admit(method, request, options);
}

function authorizeAll<F extends object>(functions: F, gate: Gate): F {
  const authorized: Functions = {};
  for (const [name, work] of Object.entries(functions as Functions)) {
    if (OTHERS.has(name)) authorized[name] = work;
    else if (!Object.hasOwn(METHOD_RULES, name)) throw new Error(`METHOD_RULES does not say who may call ${name}`);
    else if (STREAMS.has(name)) authorized[name] = authorizeStream(name as RuledMethod, work as Stream, gate);
    else authorized[name] = authorizeCall(name as RuledMethod, work as Call, gate);
  }
  return authorized as F;
}

function authorizeCall(method: RuledMethod, work: Call, gate: Gate): Call {
  return async (request, options) => {
    const { scopeNow } = await gate.admit(method, request as Request, options);
    return await work(request, scopeNow === undefined ? options : { ...options, scope: scopeNow() });
  };
}

function authorizeStream(method: RuledMethod, work: Stream, gate: Gate): Stream {
  return async function* (request, options) {
    const admitted = await gate.admit(method, request as Request, options);
    for await (const message of work(request, { ...options, scopeNow: admitted.scopeNow })) {
      const refusal = gate.findRefusal(options.caller, admitted);
      if (refusal !== undefined) throw refusal;
      yield message;
    }
  };
}

/** The name of the namespace that a method on namespaces is about; a new one has it among its values. */
type NamespaceRequest = { namespace: string } | { name: string };

function authorizeNamespaces(functions: NamespaceFunctions, authority: Authority): NamespaceFunctions {
  const authorized: Functions = {};
  for (const [name, work] of Object.entries(functions as unknown as Record<string, Call>)) {
    if (!Object.hasOwn(NAMESPACE_RULES, name)) throw new Error(`NAMESPACE_RULES does not say who may call ${name}`);
    const method = name as NamespaceMethod;
    authorized[name] = async (request: NamespaceRequest, options: CallOptions) => {
      const { caller } = options;
      if (caller.uploadToken !== undefined) throw refuseMethod();
      if (method === "listNamespaces" || method === "getResidencyReport") {
        // These ask the database first, so that this is asked of what is there now.
        const isShown = (namespace: string) => authority.mayManage(caller, method, namespace);
        return await work(request, { ...options, isShown });
      }
      const namespace = "name" in request ? request.name : request.namespace;
      if (namespace === "" && method !== "createNamespace")
        throw invalidArgument("namespace", 'namespace is missing; name one, for instance "default"');
      const fresh = authority.freshen(namespace);
      if (fresh !== undefined) await fresh;
      authority.requireManager(caller, method, namespace);
      return await work(request, options);
    };
  }
  return authorized as unknown as NamespaceFunctions;
}

function authorizeJobs({ listJobs, ...operations }: JobFunctions, authority: Authority, gate: Gate): JobFunctions {
  return {
    ...authorizeAll(operations, gate),
    listJobs: async (request, options) => {
      authority.requireServiceAdmin(options.caller);
      return await listJobs(request, options);
    },
  };
}

/** What a call was admitted for: the roles at each place, and the paths that its list may show. */
interface Admitted {
  readonly needs: readonly { oneOf: Need["oneOf"]; subject: Subject }[];
  /** Says what the list may show at the moment, and throws once that is nothing; undefined for what is no list. */
  readonly scopeNow: (() => PathScope) | undefined;
}

const NOTHING: Admitted = { needs: [], scopeNow: undefined };

class Gate {
  readonly #authority: Authority;
  readonly #paths: PathsById;
  readonly #admitRequest: AdmitRequest;

  constructor(authority: Authority, paths: PathsById, admitRequest: AdmitRequest) {
    this.#authority = authority;
    this.#paths = paths;
    this.#admitRequest = admitRequest;
  }

  async admit(
    method: RuledMethod,
    request: Request,
    options: { caller: Caller; signal?: AbortSignal },
  ): Promise<Admitted> {
    const { caller } = options;
    if (caller.uploadToken !== undefined && !UPLOAD_TOKEN_METHODS.has(method)) throw refuseMethod();
    // The method itself refuses a request that names no namespace.
    if (request.namespace === "") return NOTHING;
    const fresh = this.#authority.freshen(request.namespace);
    if (fresh !== undefined) await fresh;
    const needs: { oneOf: Need["oneOf"]; subject: Subject }[] = [];
    let scopeNow: Admitted["scopeNow"];
    for (const need of METHOD_RULES[method] as readonly Need[]) {
      if (need.ifHolds === true && !changesHolds(request)) continue;
      if (need.at === "list") {
        scopeNow = () => this.#authority.requireScope(caller, need.oneOf, request.namespace);
        scopeNow();
        continue;
      }
      const subject = await this.#find(need, request, caller);
      if (subject !== undefined) needs.push({ oneOf: need.oneOf, subject });
    }
    const admitted = { needs, scopeNow };
    const refusal = this.findRefusal(caller, admitted);
    if (refusal !== undefined) throw refusal;
    const turn = this.#admitRequest(request.namespace, caller, options);
    if (turn !== undefined) await turn;
    return admitted;
  }

  /** Why the caller may not go on with what they were admitted for; undefined when they may. */
  findRefusal(caller: Caller, { needs }: Admitted): DomainError | undefined {
    for (const { oneOf, subject } of needs) {
      const refusal = this.#authority.findRefusal(caller, oneOf, subject);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  async #find({ at, oneOf }: Need, request: Request, caller: Caller): Promise<Subject | undefined> {
    const { namespace } = request;
    if (at === "targetPath" || at === "path") return toFile(namespace, request, at);
    if (at === "place") return toPlace(namespace, request);
    if (at === "namespace") return toWhole(namespace, oneOf);
    // An upload that begins with the call has a path, and no id yet.
    if (at === "upload" && request.uploadId === undefined) return toFile(namespace, request, "path");
    const id = (at === "upload" ? request.uploadId : request.linkId) ?? "";
    const toNotFound = () => (at === "upload" ? uploadNotFound(id) : linkNotFound(id));
    if (caller.uploadToken !== undefined) return await this.#findOwn(request, caller.uploadToken);
    // Whoever has the role everywhere needs no look at the row.
    if (isInScope(this.#authority.scopeOf(caller, namespace, oneOf), "")) return { namespace, path: "", toNotFound };
    // No statement gets a name that may be none of a namespace.
    if (!this.#authority.isVisible(caller, namespace)) return { namespace, path: NOWHERE, toNotFound };
    if (!isUuid(id)) return undefined;
    const path =
      at === "upload" ? (await this.#paths.ofUpload(namespace, id))?.path : await this.#paths.ofLink(namespace, id);
    return { namespace, path: path ?? NOWHERE, toNotFound };
  }

  /** The upload of a request, which the upload token has to have created: of others it does not hear whether they exist. */
  async #findOwn({ namespace, uploadId = "" }: Request, token: UploadToken): Promise<Subject | undefined> {
    const toNotFound = () => uploadNotFound(uploadId);
    // No statement gets a name that may be none of a namespace.
    if (namespace !== token.namespace) return { namespace, path: NOWHERE, toNotFound };
    if (!isUuid(uploadId)) return undefined;
    const found = await this.#paths.ofUpload(namespace, uploadId);
    if (found?.uploadTokenId !== token.tokenId) throw toNotFound().hiding("PERMISSION_DENIED");
    return { namespace, path: found.path, toNotFound };
  }
}

/** A path that no file has and no prefix begins. */
const NOWHERE = "\u0000";

function toFile(namespace: string, request: Request, at: "path" | "targetPath"): Subject {
  const path = ((at === "targetPath" ? request.targetPath : request.path) ?? "").normalize("NFC");
  return { namespace, path, toNotFound: () => fileNotFound(path) };
}

/** A place is no thing that could exist: whoever may not write all of it hears that, once the namespace is no secret to them. */
function toPlace(namespace: string, { place = "" }: Request): Subject {
  const path = place.normalize("NFC");
  const message = `an upload token for ${showPlace(path)} in namespace ${namespace} needs the role writer at all of these paths; ask an admin of the namespace for it`;
  const toNotFound = () => new DomainError("permission_denied", message, { reason: "PERMISSION_DENIED" });
  return { namespace, path, toNotFound };
}

/** All of a namespace is no thing that could be missing: whoever may not hears that, once the namespace is no secret to them. */
function toWhole(namespace: string, oneOf: Need["oneOf"]): Subject {
  const message = `this needs the role ${oneOf.join(" or ")} in all of namespace ${namespace}; ask an admin of the namespace for it`;
  const toNotFound = () => new DomainError("permission_denied", message, { reason: "PERMISSION_DENIED" });
  return { namespace, path: "", toNotFound };
}

/** Whether a request sets or lifts a legal hold or a retention. A mask has to name them: "*" leaves them as they are. */
function changesHolds({ values, updateMask }: Request): boolean {
  if (updateMask !== undefined) return updateMask.some((name) => Object.hasOwn(RETENTION_FIELDS, name));
  return values !== undefined && Object.values(RETENTION_FIELDS).some((key) => Boolean(values[key]));
}
