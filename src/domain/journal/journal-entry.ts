import type { LeafParts } from "../log/log-leaves.ts";

/** What an entry is about. */
export interface Resource {
  kind: "file" | "upload" | "link" | "upload-token" | "namespace" | "subscription" | "prefix" | "service";
  /** UUID of the file, upload, link, upload token or subscription. */
  id?: string | undefined;
  generation?: number | undefined;
}

/** What an entry says about people; erased when a person is. */
export interface PersonalPart {
  actor: string;
  /** Name of the session of an assumed role; "" without one. */
  session: string;
  address: string;
  path: string;
  /** Where the file was before it was moved, or what it is a copy of; "" otherwise. */
  sourcePath: string;
  dataSubject: string;
  /** The values that changed, by the names of the API's fields; undefined where nothing did. */
  before: unknown;
  after: unknown;
}

/** One thing that happened. */
export interface JournalEntry {
  /** UUIDv7. */
  entryId: string;
  /** The place in the order of all entries of the service, from 1 without gaps. */
  sequence: number;
  time: Date;
  /** Empty: of the service as a whole. */
  namespace: string;
  /** The name of the method, for instance "DeleteFile", or of what the service did by itself. */
  action: string;
  /** "done", or the reason why it was refused or failed. */
  outcome: string;
  resource: Resource;
  tokenKind: string;
  /** UUID of the upload token by which it was done. */
  tokenId: string | undefined;
  requestId: string | undefined;
  /** The trace of the call, 32 hexadecimal digits. */
  traceId: string | undefined;
  /** When it happened, or the first of several times, by the clock of the host that served it; undefined for changes. */
  firstTime: Date | undefined;
  /** How often it happened. */
  times: number;
  /** Undefined once it is erased. */
  personal: PersonalPart | undefined;
  /** What proves it by the audit log; undefined where nobody has asked for that, and where it is not in the log. */
  proof?: LeafParts | undefined;
}
