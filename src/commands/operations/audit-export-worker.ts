import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { NO_PATH, type PathScope, toPathScope } from "../../domain/access/path-scope.ts";
import { combineCrc32, crc32 } from "../../domain/crc32.ts";
import { DomainError } from "../../domain/errors.ts";
import { EXPORT_KEPT_MS, toExportKey } from "../../domain/exported-object.ts";
import { parseFilter } from "../../domain/filter/parse-filter.ts";
import type { ExportedObject, Operation, OperationStep } from "../../domain/jobs/operation.ts";
import { ENTRY_FIELDS } from "../../domain/journal/entry-filter.ts";
import type { EventLog } from "../../domain/journal/event-log.ts";
import type { Journal } from "../../domain/journal/journal.ts";
import { type Namespace, type Namespaces, requireNamespace } from "../../domain/namespaces/namespace.ts";
import type { ObjectStore } from "../../domain/object-store.ts";
import type { BucketRegions } from "../../domain/residency.ts";
import type { DurablePart } from "../../domain/uploads/upload.ts";
import { assertKept, type ExportMessage, parseAfterSequence } from "../../queries/audit/export-audit.ts";
import type { AdmitStep, OperationWorker } from "./operation-worker.ts";

const compress = promisify(gzip);

/** What exports of the audit log work with. */
export interface AuditExportAccess {
  journal: Pick<Journal, "readMatching">;
  log: Pick<EventLog, "bounds">;
  objects: Pick<
    ObjectStore,
    ("createMultipart" | "beginPart" | "completeMultipart") | ("listMultiparts" | "abortMultipart" | "deleteVersions")
  >;
  namespaces: Namespaces;
  regions: BucketRegions;
  admit: AdmitStep;
  /** The line of a message, with its end. */
  toLine: (message: ExportMessage) => string;
  /** The time by the clock of storage. */
  now: () => Date;
}

/** Bounds of exports of the audit log. */
export interface AuditExportLimits {
  /** Entries that one statement reads, and that are compressed at once. */
  stretchMax: number;
  /** Stretches that a step reads at most while none of their entries matches. */
  emptyStretchesMax: number;
  /** Least size of a part but the last, in bytes. A step holds one part, and the entries of one stretch. */
  partSizeBytes: number;
  /** Parts of an object. An export of more ends with the last of them. */
  partsMax: number;
}

/** An entry takes some KiB at most, mostly less than one. S3 takes parts of 5 MiB and more, and 10,000 of them. */
export const AUDIT_EXPORT_LIMITS: AuditExportLimits = {
  stretchMax: 1000,
  emptyStretchesMax: 100,
  partSizeBytes: 8 * 2 ** 20,
  partsMax: 10_000,
};

/** Multipart uploads of one object that a page lists: a step that was cut may have left one beside that of the cursor. */
const MULTIPARTS_PAGE_MAX = 100;

/** Where an export is: a multipart upload, its parts, and the entries that these have. */
interface Place extends Omit<ExportedObject, "sizeBytes" | "lastSequence"> {
  multipartId: string;
  /** In the order of their numbers, which begin with 1. */
  parts: readonly DurablePart[];
  /** All entries up to this number are in the parts, or match nothing. */
  after: number;
  /** The number of the last entry that there was when the export began. */
  last: number;
  /** Whether the parts are all that the object will have. */
  isFilled: boolean;
}

/**
 * Writes the lines of ExportAudit, compressed by gzip, into an object of the namespace's bucket. The first step begins a multipart
 * upload. Each of the next ones reads as many entries as make a part, and sends that: each stretch of entries is a member of gzip by
 * itself, and members behind one another are one file of gzip. The last step completes the upload. A step that was cut sends
 * the part of the same number again, which replaces the first one. The object is not under Object Lock, because the bucket of files has
 * no default retention: it would forbid every purge. An export that has not ended when its object would be removed already
 * ends with `aborted / UPLOAD_LOST`.
 */
export function createAuditExportWorker(
  access: AuditExportAccess,
  limits: AuditExportLimits,
): OperationWorker<"auditExport"> {
  return {
    async step(operation, { signal }) {
      const { namespace: name, caller, cursor } = operation;
      const namespace = requireNamespace(access.namespaces, name);
      const { scopeNow = () => NO_PATH } = await access.admit("exportAudit", { namespace: name }, { caller });
      signal.throwIfAborted();
      const place = parsePlace(cursor);
      access.regions.assertResident(namespace, place);
      // What begins or completes the upload is not cut: it could still happen once the export was abandoned.
      if (place === undefined) return toStep(await begin(access, operation, namespace));
      if (place.expireTimeMs <= access.now().getTime()) throw toLate();
      if (place.isFilled) return await complete(access, place);
      return toStep(await fillPart(access, operation, { place, scopeNow, limits, signal }));
    },
    async abandon(operation) {
      const namespace = access.namespaces.get(operation.namespace);
      const object = parsePlace(operation.cursor) ?? (namespace && toObject(operation, namespace));
      if (object === undefined) return;
      await abortMultiparts(access, object);
      // The step that completes the upload may have been cut.
      await access.objects.deleteVersions(object.bucket, object.key);
    },
  };
}

function parsePlace(cursor: string): Place | undefined {
  return cursor === "" ? undefined : (JSON.parse(cursor) as Place);
}

function toStep(place: Place): OperationStep<"auditExport"> {
  return { progress: { sequence: place.after, count: place.count }, cursor: JSON.stringify(place) };
}

/** The object of an operation that has begun to work, whichever of its steps asks. */
function toObject(
  { operationId: id, beginTime, createTime }: Operation<"auditExport">,
  namespace: Pick<Namespace, "bucket" | "region" | "keyPrefix">,
) {
  const expireTime = new Date((beginTime ?? createTime).getTime() + EXPORT_KEPT_MS);
  const key = toExportKey(namespace, { kind: "audit", id, extension: "ndjson.gz", expireTime });
  return { bucket: namespace.bucket, region: namespace.region, key, expireTimeMs: expireTime.getTime() };
}

async function begin(
  { log, objects }: AuditExportAccess,
  operation: Operation<"auditExport">,
  namespace: Namespace,
): Promise<Place> {
  const bounds = await log.bounds();
  const after = parseAfterSequence(operation.request.afterSequence, bounds);
  const object = toObject(operation, namespace);
  const { bucket, key } = object;
  const multipartId = await objects.createMultipart(bucket, key, { contentType: "application/gzip" });
  const nothing = { scope: NO_PATH, parts: [], count: 0, isFilled: false };
  return { ...object, ...nothing, multipartId, after, last: bounds.last };
}

/** Sends the next part. While no entry matches, it sends none, and stops after some stretches, so that their number is saved. */
async function fillPart(
  access: AuditExportAccess,
  { namespace, caller, request }: Operation<"auditExport">,
  options: { place: Place; scopeNow: () => PathScope; limits: AuditExportLimits; signal: AbortSignal },
): Promise<Place> {
  const { place, scopeNow, limits, signal } = options;
  const filter = parseFilter(request.filter, ENTRY_FIELDS);
  const pack = (messages: readonly ExportMessage[]) => compress(messages.map(access.toLine).join(""));
  const members: Buffer[] = [];
  let { after, count, scope } = place;
  let sizeBytes = 0;
  for (let stretches = 0; after < place.last && sizeBytes < limits.partSizeBytes; stretches++) {
    if (sizeBytes === 0 && stretches === limits.emptyStretchesMax) return { ...place, after };
    signal.throwIfAborted();
    const seen = scopeNow();
    const stretch = { after, through: place.last, limit: limits.stretchMax };
    const { entries, through, first } = await access.journal.readMatching(namespace, {
      filter,
      scope: seen,
      ...stretch,
    });
    assertKept(after, first);
    after = through;
    if (entries.length === 0) continue;
    const member = await pack(entries.map((entry) => ({ kind: "entry", entry })));
    members.push(member);
    sizeBytes += member.length;
    count += entries.length;
    scope = toPathScope([...scope, ...seen]);
  }
  const partNumber = place.parts.length + 1;
  const isFilled = after === place.last || partNumber === limits.partsMax;
  if (isFilled) members.push(await pack([{ kind: "end", count, lastSequence: after }]));
  const target = { ...toTarget(place), partNumber, principal: caller.principal };
  const part = await sendPart(access, target, { members, signal });
  return { ...place, after, count, scope, isFilled, parts: [...place.parts, part] };
}

async function sendPart(
  { objects }: AuditExportAccess,
  target: Parameters<ObjectStore["beginPart"]>[0],
  { members, signal }: { members: readonly Buffer[]; signal: AbortSignal },
): Promise<DurablePart> {
  const lengthBytes = members.reduce((sum, { length }) => sum + length, 0);
  const body = objects.beginPart(target, lengthBytes);
  const cut = () => body.abort(signal.reason);
  signal.addEventListener("abort", cut);
  try {
    let sum = 0;
    for (const member of members) {
      body.write(member);
      sum = crc32(member, sum);
    }
    body.end(sum);
    const { etag } = await body.done;
    return { partNumber: target.partNumber, lengthBytes, crc32: sum, etag };
  } finally {
    signal.removeEventListener("abort", cut);
  }
}

/** Makes the object of the parts; where an earlier step has made it, that is known by its size and checksum. */
async function complete(access: AuditExportAccess, place: Place): Promise<OperationStep<"auditExport">> {
  const { bucket, region, key, scope, count, after, expireTimeMs, parts } = place;
  const sizeBytes = parts.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const sum = parts.reduce((crc, part) => combineCrc32(crc, part.crc32, part.lengthBytes), 0);
  await access.objects.completeMultipart(toTarget(place), { parts, crc32: sum, sizeBytes });
  await abortMultiparts(access, place);
  return {
    progress: { sequence: after, count },
    response: { bucket, region, key, scope, sizeBytes, count, lastSequence: after, expireTimeMs },
  };
}

/** Aborts whatever multipart uploads the object has: the one of the cursor, and one that a first step has begun that was cut. */
async function abortMultiparts(
  { objects }: AuditExportAccess,
  { bucket, key }: Pick<ExportedObject, "bucket" | "key">,
): Promise<void> {
  let after: string | undefined;
  do {
    const page = await objects.listMultiparts(bucket, { keyPrefix: key, after, pageMax: MULTIPARTS_PAGE_MAX });
    for (const { multipartId } of page.multiparts) await objects.abortMultipart({ bucket, key, multipartId });
    after = page.next;
  } while (after !== undefined);
}

function toTarget({ bucket, key, multipartId }: Place) {
  return { bucket, key, multipartId };
}

function toLate(): DomainError {
  const message = `the export has not ended within the ${EXPORT_KEPT_MS / 86_400_000} days for which its object is kept; start it anew`;
  return new DomainError("aborted", message, { reason: "UPLOAD_LOST" });
}
