import type { Caller, TokenKind } from "./caller.ts";

/** Who did something: a caller, or the service itself by the clock. */
export interface Actor {
  /** The caller's principal; "service" for what the service does by itself. */
  readonly principal: string;
  readonly tokenKind: TokenKind | "link" | "service" | "none";
  readonly address?: string | undefined;
  /** Name of the session of an assumed role. */
  readonly session?: string | undefined;
  /** UUID of the upload token by which a caller uses the right of its issuer. */
  readonly tokenId?: string | undefined;
  /** The trace of the call, 32 hexadecimal digits. */
  readonly traceId?: string | undefined;
  /** The span of the call, 16 hexadecimal digits, where it is recorded. */
  readonly spanId?: string | undefined;
  /** UUID of the request, where the method has one. */
  readonly requestId?: string | undefined;
}

/** What changes something: the name of the method, or of what the service does by itself. */
export type Change =
  | ("CreateUpload" | "CompleteUpload" | "CommitUpload" | "AbortUpload" | "ExpireUpload" | "CreateUploadToken")
  | ("CopyFile" | "MoveFile" | "UpdateFile" | "SettleHold" | "DeleteFile" | "UndeleteFile" | "RestoreGeneration")
  | ("PurgeFile" | "PurgeFiles" | "PurgeFiles/delete" | "PurgeDueFile" | "RemoveBytes")
  | ("StartPurge" | "StartCopy" | "StartAuditExport")
  | ("EraseDataSubject" | "EraseFile" | "EraseLink")
  | ("CreateLink" | "RevokeLink" | "ForgetLink")
  | ("CreateNamespace" | "UpdateNamespace" | "DeleteNamespace" | "SetGrants")
  | ("CreateSubscription" | "UpdateSubscription" | "DeleteSubscription" | "RedeliverEvents")
  | ("EndSubscription" | "DeadLetterEvent");

/** One change that somebody makes. */
export interface Deed {
  readonly action: Change;
  readonly actor: Actor;
}

/** The service itself, which does by the clock what no caller asks for. */
export const SERVICE_ACTOR: Actor = { principal: "service", tokenKind: "service" };

/** A caller as the actor of an entry. */
export function toActor({ principal, tokenKind, address, session, traceId, spanId, uploadToken }: Caller): Actor {
  return { principal, tokenKind, address, session, traceId, spanId, tokenId: uploadToken?.tokenId };
}
