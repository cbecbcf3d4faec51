import type { NamespaceMethod, RuledMethod, ServiceMethod } from "../access/method-rules.ts";

/**
 * What the journal says of the calls of a method, beside the entries that changes write themselves:
 * - "summed": calls of the same kind within ten seconds are one entry, with the number of times; so are their failures;
 * - "each": every call is an entry;
 * - "failures": a call that succeeds has entered its change already; one that fails is an entry;
 * - "denials": one call of many that make one change; only a call that is denied is an entry.
 * A call that is denied is always an entry of its own. Failures that come for many calls at once (UNAVAILABLE, RESOURCE_EXHAUSTED)
 * are always summed.
 */
export type Recorded = "summed" | "each" | "failures" | "denials";

/** How each method is recorded. A method that is not here does not compile. */
export const RECORDED_CALLS = {
  createUpload: "failures",
  beginWrite: "failures",
  writePart: "denials",
  signParts: "each",
  completeUpload: "failures",
  abortUpload: "failures",
  getUpload: "summed",
  watchUpload: "summed",
  createUploadToken: "failures",

  getFile: "summed",
  readFile: "each",
  createDownloadUrl: "each",
  listGenerations: "summed",
  listFiles: "summed",
  searchFiles: "summed",

  updateFile: "failures",
  restoreGeneration: "failures",
  copyFile: "failures",
  moveFile: "failures",
  deleteFile: "failures",
  undeleteFile: "failures",
  purgeFile: "failures",
  purgeFiles: "failures",

  createLink: "failures",
  revokeLink: "failures",
  listLinks: "summed",

  createNamespace: "failures",
  getNamespace: "summed",
  listNamespaces: "summed",
  updateNamespace: "failures",
  deleteNamespace: "failures",
  getUsage: "each",
  getResidencyReport: "each",
  getGrants: "each",
  setGrants: "failures",

  listAuditEntries: "each",
  getInclusionProof: "summed",
  exportAudit: "each",
  exportDataSubject: "each",
  // Its end is an entry, which does not say whom it was about.
  eraseDataSubject: "failures",
  listEvents: "summed",
  watchEvents: "summed",

  createSubscription: "failures",
  getSubscription: "summed",
  listSubscriptions: "summed",
  updateSubscription: "failures",
  deleteSubscription: "failures",
  redeliverEvents: "failures",

  listJobs: "summed",
  startPurge: "each",
  startCopy: "each",
  startAuditExport: "each",
  getOperation: "summed",
  listOperations: "summed",
  waitOperation: "summed",
  cancelOperation: "each",
} as const satisfies Record<RuledMethod | NamespaceMethod | ServiceMethod | "listEvents" | "watchEvents", Recorded>;

/** A method of RECORDED_CALLS. */
export type RecordedMethod = keyof typeof RECORDED_CALLS;

/** The name under which the journal has a method: that of the API. */
export function toAction(method: RecordedMethod): string {
  if (method === "beginWrite") return "WriteUpload";
  return method.charAt(0).toUpperCase() + method.slice(1);
}
