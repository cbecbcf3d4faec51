import type { SpanPlace } from "../trace-parent.ts";
import type { EventKind, EventType } from "./event-type.ts";

/** One change as it is told to those who may see it. */
export interface JournalEvent {
  /** UUIDv7: that of the entry in the journal. */
  eventId: string;
  /** The place in the order of all entries of the service. */
  sequence: number;
  time: Date;
  namespace: string;
  type: EventType;
  kind: EventKind;
  /** UUID of the file, upload or link. */
  resourceId: string | undefined;
  generation: number | undefined;
  /** Empty for what is about the namespace itself, and once it is erased. */
  path: string;
  /** Where a moved file was, or what a copy was made of; empty otherwise. */
  sourcePath: string;
  /** The call that made the change, where its span is recorded; it is told to nobody outside of the service. */
  cause?: SpanPlace;
}

/** A place in a feed: behind the event of that number. */
export interface EventCursor {
  /** UUID of the feed. */
  origin: string;
  sequence: number;
}

/** A cursor as callers keep it. */
export function formatCursor({ origin, sequence }: EventCursor): string {
  return `${origin}.${sequence}`;
}

/** How far the numbered entries reach. */
export interface EventBounds {
  /** UUID of the feed: another one when the database was restored, because numbers may be given once more then. */
  origin: string;
  /** From `first` on all entries are kept, and `last` is the last one; `first` is `last` + 1 when there is none. */
  first: number;
  last: number;
}

/** A stretch of the numbered entries. */
export interface EventStretch {
  /** The events among them, in their order. */
  events: JournalEvent[];
  /** All entries up to this number have been looked at. */
  through: number;
  /** From this number on all entries were kept when these were read: others may have been dropped since the bounds were read. */
  first: number;
}

/** The entries of the journal that are events. All methods reject with `unavailable / DATABASE_UNAVAILABLE`. */
export interface EventLog {
  bounds(): Promise<EventBounds>;
  /** The events of a namespace behind `after` and up to `through`, among the first `limit` entries of the namespace there. */
  read(options: { namespace: string; after: number; through: number; limit: number }): Promise<EventStretch>;
  /** The same for several namespaces, among the first `limit` entries of the whole service. */
  readAll(options: {
    namespaces: readonly string[];
    after: number;
    through: number;
    limit: number;
  }): Promise<EventStretch>;
}
