import { NO_PATH, type PathScope } from "../../domain/access/path-scope.ts";
import type { Caller } from "../../domain/caller.ts";
import { DomainError, invalidArgument } from "../../domain/errors.ts";
import { parseFilter } from "../../domain/filter/parse-filter.ts";
import { ENTRY_FIELDS } from "../../domain/journal/entry-filter.ts";
import type { EventBounds, EventLog } from "../../domain/journal/event-log.ts";
import type { Journal } from "../../domain/journal/journal.ts";
import type { JournalEntry } from "../../domain/journal/journal-entry.ts";
import type { WorkLimiter } from "../../domain/limits/work-limiter.ts";
import { type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";

/** Which entries of a namespace are exported. */
export interface ExportAuditRequest {
  namespace: string;
  /** AIP-160 over ENTRY_FIELDS; empty for all. */
  filter: string;
  /** Only entries with a higher number; 0 for all that are kept. */
  afterSequence: number;
}

/** What an export yields: entries in the order of their numbers, how far it has come while none matches, and the end once. */
export type ExportMessage =
  | { kind: "entry"; entry: JournalEntry }
  | ExportProgress
  | { kind: "end"; count: number; lastSequence: number };

/** How far an export has come: all entries up to `sequence` have been looked at, and `count` of them were exported. */
export interface ExportProgress {
  kind: "progress";
  sequence: number;
  count: number;
}

/** What exports work with. */
export interface ExportAccess {
  journal: Pick<Journal, "readMatching">;
  log: Pick<EventLog, "bounds">;
  namespaces: Namespaces;
  /** Admits exports. */
  exports: WorkLimiter;
  limits: ExportLimits;
}

/** Limits of one export. */
export interface ExportLimits {
  /** Entries that one statement reads, and that an export holds. */
  stretchMax: number;
  /** Longest time without a message while the caller takes what is sent, in milliseconds. */
  progressEveryMs: number;
}

/** An entry takes some KiB at most, mostly less than one. The API promises a message every 15 s. */
export const EXPORT_LIMITS: ExportLimits = { stretchMax: 1000, progressEveryMs: 5000 };

/** Options of an export. `scope` is asked for each stretch of entries: the paths that the caller may see now; it throws once there is none. */
export interface ExportOptions {
  caller: Caller;
  scopeNow?: (() => PathScope) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Yields the entries of a namespace that there were when it began, the oldest first, and then the end. Pulled: it holds one stretch
 * of entries, and no transaction or connection while its consumer is slow. Ends with `not_found / NAMESPACE_NOT_FOUND`,
 * `invalid_argument / FILTER_INVALID` or `ARGUMENT_INVALID`, `failed_precondition / EVENTS_RESET` where entries behind
 * `afterSequence` may be missing, or entries are dropped before they are read, `resource_exhausted / OVERLOADED` while too many export, `unavailable / DATABASE_UNAVAILABLE`,
 * with what `scopeNow` throws, or with the signal's reason.
 */
export async function* exportAudit(
  access: ExportAccess,
  request: ExportAuditRequest,
  options: ExportOptions,
): AsyncGenerator<ExportMessage, void, undefined> {
  // First of all: a refusal must cost no statement.
  const leave = await access.exports.enter(options.caller.principal, options);
  try {
    yield* readExport(access, request, options);
  } finally {
    leave();
  }
}

async function* readExport(
  { journal, log, namespaces, limits }: ExportAccess,
  request: ExportAuditRequest,
  { scopeNow = () => NO_PATH, signal }: ExportOptions,
): AsyncGenerator<ExportMessage, void, undefined> {
  const namespace = requireNamespace(namespaces, request.namespace).name;
  const filter = parseFilter(request.filter, ENTRY_FIELDS);
  const bounds = await log.bounds();
  let place = parseAfterSequence(request.afterSequence, bounds);
  let [count, toldAt] = [0, performance.now()];
  while (place < bounds.last) {
    signal?.throwIfAborted();
    const stretch = { after: place, through: bounds.last, limit: limits.stretchMax };
    const { entries, through, first } = await journal.readMatching(namespace, {
      filter,
      scope: scopeNow(),
      ...stretch,
    });
    assertKept(place, first);
    for (const entry of entries) {
      count++;
      yield { kind: "entry", entry };
      toldAt = performance.now();
    }
    place = through;
    if (performance.now() - toldAt < limits.progressEveryMs) continue;
    yield { kind: "progress", sequence: place, count };
    toldAt = performance.now();
  }
  yield { kind: "end", count, lastSequence: bounds.last };
}

/**
 * The number behind which an export begins. `invalid_argument / ARGUMENT_INVALID` for one that is negative, `failed_precondition /
 * EVENTS_RESET` where entries behind it may be missing.
 */
export function parseAfterSequence(after: number, { first, last }: EventBounds): number {
  if (after < 0)
    throw invalidArgument("after_sequence", `after_sequence is ${after}; send 0, or the number of an entry`);
  if (after === 0) return first - 1;
  if (after > last)
    throw refuse(`after_sequence is ${after}, and the last number is ${last}: the database may have been restored`, {
      last_sequence: last,
    });
  assertKept(after, first);
  return after;
}

/** Refuses to go on behind `after` where not all entries from there on are kept, but only those from `first` on: as `parseAfterSequence`. */
export function assertKept(after: number, first: number): void {
  if (after >= first - 1) return;
  throw refuse(`entries behind ${after} are not kept any more; the first one that is kept is ${first}`, {
    first_sequence: first,
  });
}

function refuse(why: string, details: Record<string, number>): DomainError {
  const message = `the export does not go on from there: ${why}; export anew, with after_sequence 0, what is kept`;
  return new DomainError("failed_precondition", message, { reason: "EVENTS_RESET", details, field: "after_sequence" });
}
