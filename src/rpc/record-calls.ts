import type { Caller } from "../domain/caller.ts";
import { isUuid } from "../domain/command-identity.ts";
import { toActor } from "../domain/deed.ts";
import { DomainError } from "../domain/errors.ts";
import type { File } from "../domain/files/file.ts";
import type { Resource } from "../domain/journal/journal-entry.ts";
import { ENTRY_PATH_MAX_CHARACTERS, type NewEntry, type RecordEntry } from "../domain/journal/new-entry.ts";
import { RECORDED_CALLS, type Recorded, type RecordedMethod, toAction } from "../domain/journal/recorded-calls.ts";
import type { Namespaces } from "../domain/namespaces/namespace.ts";
import type { Upload } from "../domain/uploads/upload.ts";
import { type BoundFunctions, mapFamilies } from "./bound-functions.ts";

/** What calls are recorded with. */
export interface Recording {
  record: RecordEntry;
  /** They say whose answers wait for their entries. */
  namespaces: Pick<Namespaces, "get">;
  now: () => Date;
}

/** The fields of requests that say what they are about. */
interface Request {
  namespace?: string;
  name?: string;
  path?: string;
  prefix?: string;
  place?: string;
  uploadId?: string;
  linkId?: string;
  dataSubject?: string;
  subscriptionId?: string;
  requestId?: string;
  create?: Request;
}

interface Options {
  caller: Caller;
  signal?: AbortSignal;
}

type Call = (request: Request, options: Options) => Promise<unknown>;
type Stream = (request: Request, options: Options) => AsyncIterable<unknown>;

const STREAMS: ReadonlySet<string> = new Set<RecordedMethod>([
  ...(["readFile", "watchUpload", "watchEvents", "exportAudit"] as const),
]);
/** The message of a part is admitted before anybody knows what it is about. */
const UNRECORDED: ReadonlySet<string> = new Set(["admitPart"]);
/** Methods about several namespaces, or about one that the caller must not hear of: the journal of the service has them. */
const OF_SERVICE: ReadonlySet<string> = new Set<RecordedMethod>([
  ...(["createNamespace", "listNamespaces", "getResidencyReport", "listJobs"] as const),
]);
/** Methods about all that lies below a prefix. */
const OF_PREFIX: ReadonlySet<string> = new Set<RecordedMethod>([
  ...(["listFiles", "searchFiles", "listLinks", "purgeFiles", "createUploadToken"] as const),
]);

/**
 * The same functions, whose calls the journal has as RECORDED_CALLS says; all faces of the API meet here. In a namespace whose
 * policy requires it, an answer is given once its entry is committed, and a stream begins then; otherwise the call rejects with
 * `unavailable / AUDIT_UNAVAILABLE`.
 */
export function recordCalls(functions: BoundFunctions, recording: Recording): BoundFunctions {
  const recorded = mapFamilies(functions, (each) => recordAll(each, recording));
  return {
    ...recorded,
    uploads: { ...recorded.uploads, beginWrite: recordWrite(functions.uploads.beginWrite, recording) },
  };
}

function recordAll<F extends object>(functions: F, recording: Recording): F {
  const recorded: Record<string, unknown> = {};
  for (const [name, work] of Object.entries(functions)) {
    const method = name as RecordedMethod;
    if (UNRECORDED.has(name)) recorded[name] = work;
    else if (!Object.hasOwn(RECORDED_CALLS, name))
      throw new Error(`RECORDED_CALLS does not say how ${name} is recorded`);
    else if (STREAMS.has(name)) recorded[name] = recordStream(method, work as Stream, recording);
    else recorded[name] = recordCall(method, work as Call, recording);
  }
  return recorded as F;
}

function recordCall(method: RecordedMethod, work: Call, recording: Recording): Call {
  return async (request, options) => {
    let answer: unknown;
    try {
      answer = await work(request, options);
    } catch (error) {
      const waiting = recordFailure(method, { request, options, error }, recording);
      if (waiting !== undefined) await waiting;
      throw error;
    }
    const waiting = recordSuccess(method, { request, options, answer }, recording);
    if (waiting !== undefined) await waiting;
    return answer;
  };
}

/** A stream of WriteUpload fails before it has begun, or later: then the session tells why. */
function recordWrite(beginWrite: BoundFunctions["uploads"]["beginWrite"], recording: Recording): typeof beginWrite {
  const begin = recordCall("beginWrite", beginWrite as Call, recording) as typeof beginWrite;
  return async (request, options) => {
    const requestId = "create" in request ? request.create.requestId : undefined;
    return await begin(request, {
      ...options,
      recordFailure: (error, upload) => {
        if (isLeft(error)) return undefined;
        const about = { ...upload, ...(requestId !== undefined && { requestId }) };
        return recordFailure("beginWrite", { request: about, options, error, upload }, recording);
      },
    });
  };
}

/** Whether a stream ended because its caller sent no more: nothing was refused, and the upload waits for them to go on. */
function isLeft(error: unknown): boolean {
  const { reason } = error instanceof DomainError ? error : {};
  return reason === "CALLER_GONE" || reason === "STALLED" || reason === "DEADLINE_EXCEEDED";
}

/** A stream is recorded when it has something to give, and before it gives it; when it fails later, that is recorded as well. */
function recordStream(method: RecordedMethod, work: Stream, recording: Recording): Stream {
  return async function* (request, options) {
    let isRecorded = false;
    try {
      for await (const message of work(request, options)) {
        if (!isRecorded) {
          isRecorded = true;
          const waiting = recordSuccess(method, { request, options, answer: message }, recording);
          if (waiting !== undefined) await waiting;
        }
        yield message;
      }
    } catch (error) {
      if (!isUnrecorded(error)) await recordFailure(method, { request, options, error }, recording);
      throw error;
    }
  };
}

function recordSuccess(
  method: RecordedMethod,
  { answer, ...call }: { request: Request; options: Options; answer: unknown },
  recording: Recording,
): Promise<void> | undefined {
  const recorded: Recorded = RECORDED_CALLS[method];
  if (recorded === "failures" || recorded === "denials") return undefined;
  const entry = toEntry(method, { ...call, outcome: "done", file: toFile(answer) }, recording);
  const isRequired = isAuditRequired(entry, recording);
  return recording.record(entry, { isSummed: recorded === "summed", isRequired });
}

function recordFailure(
  method: RecordedMethod,
  { error, ...call }: { request: Request; options: Options; error: unknown; upload?: Upload },
  recording: Recording,
): Promise<void> | undefined {
  const recorded: Recorded = RECORDED_CALLS[method];
  if (isUnrecorded(error)) return undefined;
  const outcome = toOutcome(error, call.options);
  const isDenied = outcome === "PERMISSION_DENIED";
  if (recorded === "denials" && !isDenied) return undefined;
  const entry = toEntry(method, { ...call, outcome, file: undefined }, recording);
  const isOfService = entry.namespace === "" && !OF_SERVICE.has(method);
  const isSummed = isOfService || (recorded === "summed" && !isDenied) || isOfMany(error);
  const isRequired = tellsAnything(error) && isAuditRequired(entry, recording);
  return recording.record(entry, { isSummed, isRequired });
}

/**
 * A call that found no turn was not looked at, and an answer that was given up because of the journal is not one for it. Both
 * come when too much is written already.
 */
function isUnrecorded(error: unknown): boolean {
  return error instanceof DomainError && (error.reason === "OVERLOADED" || error.reason === "AUDIT_UNAVAILABLE");
}

/** Whether a failure comes for many calls at once: where the service cannot do it now, or callers want too much. */
function isOfMany(error: unknown): boolean {
  return error instanceof DomainError && (error.code === "unavailable" || error.code === "resource_exhausted");
}

/**
 * Whether a failure tells its caller anything about the namespace. That a namespace is hidden must not show by a wait that there
 * is none for a namespace that does not exist.
 */
function tellsAnything(error: unknown): boolean {
  return error instanceof DomainError && !isOfMany(error) && error.reason !== "NAMESPACE_NOT_FOUND";
}

function toOutcome(error: unknown, { signal }: Options): string {
  if (error instanceof DomainError) return error.hidden ?? error.reason;
  return signal?.aborted === true && error === signal.reason ? "CALLER_GONE" : "INTERNAL";
}

function isAuditRequired({ namespace }: NewEntry, { namespaces }: Recording): boolean {
  return namespaces.get(namespace)?.audit === "required";
}

function toEntry(
  method: RecordedMethod,
  call: { request: Request; options: Options; outcome: string; file: File | undefined; upload?: Upload },
  { namespaces, now }: Recording,
): NewEntry {
  const { options, outcome, file, upload } = call;
  const request = call.request.create ?? call.request;
  const { namespace = "", requestId = "" } = request;
  const isOfService = OF_SERVICE.has(method) || namespaces.get(namespace) === undefined;
  const actor = toActor(options.caller);
  const common = { action: toAction(method), outcome, time: now(), times: 1 };
  if (isOfService) return { ...common, namespace: "", resource: { kind: "service" }, actor, path: "", dataSubject: "" };
  const { path = "", prefix = path, place = prefix } = request;
  return {
    ...common,
    namespace,
    resource: toResource(method, request, file),
    actor: isUuid(requestId) ? { ...actor, requestId } : actor,
    path: (file?.path ?? place).slice(0, ENTRY_PATH_MAX_CHARACTERS),
    dataSubject: (file ?? upload)?.dataSubject ?? (outcome === "done" ? (request.dataSubject ?? "") : ""),
  };
}

function toResource(
  method: RecordedMethod,
  { uploadId, linkId, subscriptionId, path }: Request,
  file: File | undefined,
): Resource {
  const toId = (text: string) => (isUuid(text) ? text.toLowerCase() : undefined);
  if (OF_PREFIX.has(method)) return { kind: "prefix" };
  if (uploadId !== undefined) return { kind: "upload", id: toId(uploadId) };
  if (linkId !== undefined) return { kind: "link", id: toId(linkId) };
  if (subscriptionId !== undefined) return { kind: "subscription", id: toId(subscriptionId) };
  if (file !== undefined) return { kind: "file", id: file.fileId, generation: file.generation };
  return { kind: path === undefined ? "namespace" : "file" };
}

/** The file that an answer is about: an answer is the file itself, or names it. */
function toFile(answer: unknown): File | undefined {
  const { file = answer } = answer as { file?: unknown };
  return typeof file === "object" && file !== null && "fileId" in file ? (file as File) : undefined;
}
