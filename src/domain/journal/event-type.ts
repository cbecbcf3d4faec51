import type { Change } from "../deed.ts";

/** The type of the event that a change is told as; undefined for changes that are no events. */
export const EVENT_TYPES = {
  CommitUpload: "sluice.file.committed.v1",
  CopyFile: "sluice.file.copied.v1",
  MoveFile: "sluice.file.moved.v1",
  UpdateFile: "sluice.file.updated.v1",
  DeleteFile: "sluice.file.deleted.v1",
  "PurgeFiles/delete": "sluice.file.deleted.v1",
  UndeleteFile: "sluice.file.undeleted.v1",
  RestoreGeneration: "sluice.file.restored.v1",
  // A purge is told once the bytes are gone.
  RemoveBytes: "sluice.file.purged.v1",
  // The hold itself was told by the update.
  SettleHold: undefined,
  // An event about somebody who was erased would tell of them again.
  EraseDataSubject: undefined,
  EraseFile: undefined,
  EraseLink: undefined,
  PurgeFile: undefined,
  PurgeFiles: undefined,
  PurgeDueFile: undefined,
  // An operation is told by what it changes.
  StartPurge: undefined,
  StartCopy: undefined,
  StartAuditExport: undefined,
  // What an upload makes is told as a file.
  CreateUpload: undefined,
  CompleteUpload: undefined,
  // What is uploaded by a token is told as any other file.
  CreateUploadToken: undefined,
  AbortUpload: "sluice.upload.aborted.v1",
  ExpireUpload: "sluice.upload.expired.v1",
  CreateLink: "sluice.link.created.v1",
  RevokeLink: "sluice.link.revoked.v1",
  // A link has ended long before it is forgotten.
  ForgetLink: undefined,
  CreateNamespace: "sluice.namespace.created.v1",
  UpdateNamespace: "sluice.namespace.updated.v1",
  DeleteNamespace: "sluice.namespace.deleted.v1",
  SetGrants: "sluice.namespace.grants_changed.v1",
  // Whoever receives events hears of files, and not of receivers.
  CreateSubscription: undefined,
  UpdateSubscription: undefined,
  DeleteSubscription: undefined,
  RedeliverEvents: undefined,
  EndSubscription: undefined,
  DeadLetterEvent: undefined,
} as const satisfies Record<Change, EventType | undefined>;

/** What events are about. */
export type EventKind = "file" | "upload" | "link" | "namespace";

/** The type of an event. The number is that of the form of its data. */
export type EventType = `sluice.${EventKind}.${string}.v1`;

/** The changes that are told as events. */
export const TOLD_CHANGES: readonly string[] = Object.entries(EVENT_TYPES).flatMap(([change, type]) =>
  type === undefined ? [] : [change],
);

/** All types of events, each once. */
export const ALL_EVENT_TYPES: ReadonlySet<string> = new Set(
  Object.values(EVENT_TYPES).filter((type) => type !== undefined),
);
