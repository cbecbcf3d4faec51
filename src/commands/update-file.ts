import type { Caller } from "../domain/caller.ts";
import { toCommandIdentity } from "../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import { type File, toFileEtag } from "../domain/file.ts";
import { parseFileDescription } from "../domain/file-description.ts";
import { parseFilePath } from "../domain/file-path.ts";
import type { FileChange, FileRepository } from "../domain/file-repository.ts";
import { parseFileRetention } from "../domain/file-retention.ts";
import { parseGeneration } from "../domain/generation.ts";
import { type Namespaces, requireNamespace } from "../domain/namespace.ts";
import { etagMismatch } from "../domain/repository-refusals.ts";

/** Which file, what of it is to change, and to what. */
export interface UpdateFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  /** The live one when undefined. */
  generation?: number;
  /** Changes only a file that has it; empty changes any. */
  etag: string;
  values: FileChange;
  /** Names as in the proto, for instance "labels" or "labels.team"; undefined for all that are not empty in `values`. */
  updateMask: readonly string[] | undefined;
}

/** One step of a change: what comes of what was there. */
type Change = (before: FileChange) => FileChange;

/** Names in a mask; each label and entry of metadata may have one of its own. */
const MASK_PATHS_MAX = 200;

const DESCRIPTION_FIELDS = {
  labels: "labels",
  metadata: "metadata",
  content_type: "contentType",
  data_subject: "dataSubject",
} as const satisfies Record<string, keyof FileChange>;

/** To be named: "*" of a caller who does not know of them must not lift a hold. */
const RETENTION_FIELDS = {
  legal_hold: "legalHold",
  retain_until_time: "retainUntilTime",
} as const satisfies Record<string, keyof FileChange>;

const FIELDS = { ...DESCRIPTION_FIELDS, ...RETENTION_FIELDS };

/**
 * Changes the description of the live file at a path, and what keeps it; of a generation that is not live only what keeps
 * it. Repeating the call with the same request id returns the file as it is then. Errors: `invalid_argument` with the field,
 * `not_found / FILE_NOT_FOUND`, `failed_precondition / ETAG_MISMATCH`, `FILE_RETAINED` (a retention is only extended),
 * `GENERATION_MISMATCH` (the generation is not live) and `FILE_PURGED`.
 */
export async function updateFile(
  deps: { files: Pick<FileRepository, "update">; namespaces: Namespaces },
  request: UpdateFileRequest,
  options: { caller: Caller; signal?: AbortSignal },
): Promise<File> {
  const { etag, values, updateMask, generation } = request;
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  if (generation !== undefined) parseGeneration(generation, "file.generation");
  const names = listNames(updateMask ?? listGiven(values));
  const changes = names.map((name) => toChange(values, name));
  const identity = toCommandIdentity(options.caller, "UpdateFile", {
    requestId: request.requestId,
    content: [namespace.name, path, etag, values, updateMask ?? null, generation ?? null],
  });
  return await deps.files.update(namespace.name, path, {
    identity,
    ...(generation !== undefined && { generation }),
    change: (file) => {
      assertSameEtag(file, etag);
      assertChangeable(file, names);
      const wanted = changes.reduce<FileChange>((before, change) => change(before), file);
      return { ...parseFileDescription(wanted), ...parseFileRetention(wanted, file) };
    },
  });
}

/** `failed_precondition / ETAG_MISMATCH` unless `etag` is empty or the file's. */
export function assertSameEtag(file: File, etag: string): void {
  const current = toFileEtag(file);
  if (etag !== "" && etag !== current) throw etagMismatch(file.path, { etag, current, field: "file.etag" });
}

/** A generation that is not live is what it was when it ended; only how long it is kept is still to be said. */
function assertChangeable(file: File, names: readonly string[]): void {
  const isLive = file.supersedeTime === undefined && file.deleteTime === undefined;
  const fixed = names.find((name) => !(name in RETENTION_FIELDS));
  if (isLive || fixed === undefined) return;
  const { path, generation } = file;
  const changeable = Object.keys(RETENTION_FIELDS).join(" and ");
  const message = `generation ${generation} of ${JSON.stringify(path)} is not live; only its ${changeable} can be changed`;
  throw new DomainError("failed_precondition", message, {
    reason: "GENERATION_MISMATCH",
    field: "update_mask",
    details: { path, generation },
  });
}

/** What a request without a mask changes (AIP-134): whatever is populated. */
function listGiven(values: FileChange): string[] {
  return Object.entries(FIELDS)
    .filter(([, key]) => isPopulated(values[key]))
    .map(([name]) => name);
}

function isPopulated(value: FileChange[keyof FileChange]): boolean {
  if (value === undefined || value instanceof Date) return value !== undefined;
  return typeof value === "object" ? Object.keys(value).length > 0 : value !== "" && value !== false;
}

/** The names of a mask: known ones, at least one. */
function listNames(mask: readonly string[]): readonly string[] {
  if (mask.length > MASK_PATHS_MAX) {
    throw invalidArgument("update_mask", `update_mask names ${mask.length} fields; the limit is ${MASK_PATHS_MAX}`);
  }
  const names = mask.flatMap((name) => (name === "*" ? Object.keys(DESCRIPTION_FIELDS) : name));
  if (names.length === 0) {
    const message = `nothing is to be changed; name one of ${Object.keys(FIELDS).join(", ")} in update_mask`;
    throw invalidArgument("update_mask", message);
  }
  return names;
}

function toChange(values: FileChange, name: string): Change {
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof typeof FIELDS] : undefined;
  if (field !== undefined) return (before) => ({ ...before, [field]: values[field] });
  const [, map, entry] = /^(labels|metadata)\.(.+)$/s.exec(name) ?? [];
  if ((map === "labels" || map === "metadata") && entry !== undefined) {
    return (before) => ({ ...before, [map]: replaceEntry(before[map], entry, values[map][entry]) });
  }
  const shown = JSON.stringify(name.slice(0, 100));
  const changeable = `${Object.keys(FIELDS).join(", ")}, labels.NAME, metadata.NAME`;
  const message = `${shown} is no field that a caller may change; these are: ${changeable}`;
  throw invalidArgument("update_mask", message);
}

function replaceEntry(map: Readonly<Record<string, string>>, name: string, value: string | undefined) {
  const { [name]: _, ...others } = map;
  return value === undefined ? others : { ...others, [name]: value };
}
