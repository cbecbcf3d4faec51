import type { Caller } from "../domain/caller.ts";
import { toCommandIdentity } from "../domain/command-identity.ts";
import { DomainError, invalidArgument } from "../domain/errors.ts";
import { type File, toFileEtag } from "../domain/file.ts";
import { type FileDescription, parseFileDescription } from "../domain/file-description.ts";
import { parseFilePath } from "../domain/file-path.ts";
import type { FileRepository } from "../domain/file-repository.ts";
import { type Namespaces, requireNamespace } from "../domain/namespace.ts";

/** Which file, what of it is to change, and to what. */
export interface UpdateFileRequest {
  requestId: string;
  namespace: string;
  path: string;
  /** Changes only a file that has it; empty changes any. */
  etag: string;
  values: FileDescription;
  /** Names as in the proto, for instance "labels" or "labels.team"; undefined for all that are not empty in `values`. */
  updateMask: readonly string[] | undefined;
}

/** One step of a change: gives the description that comes of another. */
type Change = (description: FileDescription) => FileDescription;

/** Names in a mask; each label and entry of metadata may have one of its own. */
const MASK_PATHS_MAX = 200;

const FIELDS = {
  labels: "labels",
  metadata: "metadata",
  content_type: "contentType",
  data_subject: "dataSubject",
} as const satisfies Record<string, keyof FileDescription>;

/**
 * Changes the description of the live file at a path. Repeating the call with the same request id returns the file as it
 * is then. Errors: `invalid_argument` with the field, `not_found / FILE_NOT_FOUND`, `failed_precondition / ETAG_MISMATCH`.
 */
export async function updateFile(
  deps: { files: Pick<FileRepository, "update">; namespaces: Namespaces },
  request: UpdateFileRequest,
  options: { caller: Caller; signal?: AbortSignal },
): Promise<File> {
  const { etag, values, updateMask } = request;
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  const changes = toChanges(values, updateMask ?? listGiven(values));
  const identity = toCommandIdentity(options.caller, "UpdateFile", {
    requestId: request.requestId,
    content: [namespace.name, path, etag, values, updateMask ?? null],
  });
  return await deps.files.update(namespace.name, path, {
    identity,
    change: (file) => {
      assertSameEtag(file, etag);
      return parseFileDescription(changes.reduce<FileDescription>((description, change) => change(description), file));
    },
  });
}

/** `failed_precondition / ETAG_MISMATCH` unless `etag` is empty or the file's. */
export function assertSameEtag(file: File, etag: string): void {
  const current = toFileEtag(file);
  if (etag === "" || etag === current) return;
  const message = `the file at ${JSON.stringify(file.path)} has etag ${current} now; read it again and repeat the change`;
  throw new DomainError("failed_precondition", message, {
    reason: "ETAG_MISMATCH",
    field: "file.etag",
    details: { path: file.path, etag: etag.slice(0, 100), current_etag: current },
  });
}

/** What a request without a mask changes (AIP-134): whatever is populated. */
function listGiven(values: FileDescription): string[] {
  return Object.entries(FIELDS)
    .filter(([, key]) => (typeof values[key] === "string" ? values[key] !== "" : Object.keys(values[key]).length > 0))
    .map(([name]) => name);
}

function toChanges(values: FileDescription, mask: readonly string[]): Change[] {
  if (mask.length > MASK_PATHS_MAX) {
    throw invalidArgument("update_mask", `update_mask names ${mask.length} fields; the limit is ${MASK_PATHS_MAX}`);
  }
  const names = mask.includes("*") ? Object.keys(FIELDS) : mask;
  if (names.length === 0) {
    const message = `nothing is to be changed; name one of ${Object.keys(FIELDS).join(", ")} in update_mask`;
    throw invalidArgument("update_mask", message);
  }
  return names.map((name) => toChange(values, name));
}

function toChange(values: FileDescription, name: string): Change {
  const field = FIELDS[name as keyof typeof FIELDS];
  if (field !== undefined) return (description) => ({ ...description, [field]: values[field] });
  const [, map, entry] = /^(labels|metadata)\.(.+)$/s.exec(name) ?? [];
  if ((map === "labels" || map === "metadata") && entry !== undefined) {
    return (description) => ({ ...description, [map]: replaceEntry(description[map], entry, values[map][entry]) });
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
