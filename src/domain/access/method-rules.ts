import { ROLES, type Role } from "./role.ts";

/** One role at one place that a method needs. */
export interface Need {
  /** One of these roles is enough. */
  readonly oneOf: readonly Role[];
  /**
   * Where: at the request's `path` or `targetPath`, at every path of its `place`, at the path of its upload or link, at each
   * path of a list, which then shows the paths of the role alone, or at every path of the namespace.
   */
  readonly at: "path" | "targetPath" | "place" | "upload" | "link" | "list" | "namespace";
  /** The need holds only for requests that set or lift what keeps a file from being deleted. */
  readonly ifHolds?: true;
}

const need = (role: Role, at: Need["at"]): Need => ({ oneOf: [role], at });
/** Whoever writes an upload must see how far it is, to go on with it. */
const SEES_UPLOAD: Need = { oneOf: ["reader", "writer"], at: "upload" };
const KEEPS: Pick<Need, "oneOf" | "ifHolds"> = { oneOf: ["admin"], ifHolds: true };

const COPIES: readonly Need[] = [need("reader", "path"), need("writer", "targetPath"), { ...KEEPS, at: "targetPath" }];

/**
 * What each method on files, links and uploads needs: all of its needs together. The methods on a namespace itself have
 * NAMESPACE_RULES. A method that is in neither table does not compile.
 */
export const METHOD_RULES = {
  createUpload: [need("writer", "path")],
  beginWrite: [need("writer", "upload")],
  writePart: [need("writer", "upload")],
  signParts: [need("writer", "upload")],
  completeUpload: [need("writer", "upload")],
  abortUpload: [need("writer", "upload")],
  getUpload: [SEES_UPLOAD],
  watchUpload: [SEES_UPLOAD],
  // The token writes by its issuer's right.
  createUploadToken: [need("writer", "place")],

  getFile: [need("reader", "path")],
  readFile: [need("reader", "path")],
  createDownloadUrl: [need("reader", "path")],
  listGenerations: [need("reader", "path")],
  listFiles: [need("reader", "list")],
  searchFiles: [need("reader", "list")],

  updateFile: [need("writer", "path"), { ...KEEPS, at: "path" }],
  restoreGeneration: [need("writer", "path")],
  // Whoever copies or moves a file can read it at the other place.
  copyFile: COPIES,
  moveFile: [need("reader", "path"), need("deleter", "path"), need("writer", "targetPath")],
  deleteFile: [need("deleter", "path")],
  undeleteFile: [need("deleter", "path")],
  purgeFile: [need("deleter", "path")],
  purgeFiles: [need("deleter", "list")],

  // A link hands the file to people whom nobody has granted anything.
  createLink: [need("reader", "path"), need("writer", "path")],
  revokeLink: [need("writer", "link")],
  listLinks: [{ oneOf: ["writer", "auditor"], at: "list" }],

  listAuditEntries: [need("auditor", "list")],
  getInclusionProof: [need("auditor", "list")],

  // A subscription tells events to somebody outside, whatever the right to the files is.
  createSubscription: [need("admin", "namespace")],
  getSubscription: [need("admin", "namespace")],
  listSubscriptions: [need("admin", "namespace")],
  updateSubscription: [need("admin", "namespace")],
  deleteSubscription: [need("admin", "namespace")],
  redeliverEvents: [need("admin", "namespace")],
  exportAudit: [need("auditor", "list")],
  // Whoever sees or erases all that is kept about somebody does so at every path.
  exportDataSubject: [need("admin", "namespace")],
  eraseDataSubject: [need("admin", "namespace")],

  startPurge: [need("deleter", "list")],
  startCopy: COPIES,
  startAuditExport: [need("auditor", "list")],
  // Everybody sees their own operations, and an admin of the whole namespace those of all.
  getOperation: [{ oneOf: ROLES, at: "list" }],
  listOperations: [{ oneOf: ROLES, at: "list" }],
  waitOperation: [{ oneOf: ROLES, at: "list" }],
  cancelOperation: [{ oneOf: ROLES, at: "list" }],
} as const satisfies Record<string, readonly Need[]>;

/** A method of METHOD_RULES. */
export type RuledMethod = keyof typeof METHOD_RULES;

/**
 * The methods that an upload token may call: for a path of its place, and for the uploads that it created. It makes no other
 * token, and it reads, lists and changes no file.
 */
export const UPLOAD_TOKEN_METHODS: ReadonlySet<RuledMethod> = new Set<RuledMethod>([
  ...(["createUpload", "beginWrite", "writePart", "signParts"] as const),
  ...(["completeUpload", "abortUpload", "getUpload", "watchUpload"] as const),
]);

const ANY_ROLE = [...ROLES, "service-admin"] as const;

/**
 * The roles of which one, anywhere in the namespace, is enough for a method on the namespace itself. "service-admin" is
 * whoever SLUICE_ADMINS names: they create namespaces and set grants, and see no file by that.
 */
export const NAMESPACE_RULES = {
  createNamespace: ["service-admin"],
  getNamespace: ANY_ROLE,
  // The list shows the namespaces for which this holds.
  listNamespaces: ANY_ROLE,
  updateNamespace: ["admin"],
  deleteNamespace: ["admin", "service-admin"],
  getUsage: ["auditor", "admin"],
  getResidencyReport: ["auditor", "admin"],
  getGrants: ["auditor", "admin", "service-admin"],
  setGrants: ["admin", "service-admin"],
} as const satisfies Record<string, readonly (Role | "service-admin")[]>;

/** The methods on the service itself, which whoever SLUICE_ADMINS names may call. */
export const SERVICE_METHODS = ["listJobs"] as const;

/** A method of SERVICE_METHODS. */
export type ServiceMethod = (typeof SERVICE_METHODS)[number];

/** A method of NAMESPACE_RULES. */
export type NamespaceMethod = keyof typeof NAMESPACE_RULES;
