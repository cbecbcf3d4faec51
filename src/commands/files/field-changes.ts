import { invalidArgument } from "../../domain/errors.ts";
import type { FileChange } from "../../domain/files/file-repository.ts";
import { RETENTION_FIELDS } from "../../domain/files/file-retention.ts";

/** The fields of a file that a caller wants to change. */
export interface FieldChanges {
  /** The names as in the mask, with "*" resolved. */
  names: readonly string[];
  /** Returns the changed fields from those before; nothing is checked yet. */
  apply: (before: FileChange) => FileChange;
}

/**
 * The changes that values and a mask (AIP-161) make. Without a mask every populated field changes. A single label or entry
 * of metadata has a name of its own in the mask. `invalid_argument` with update_mask for a name that no caller may change,
 * and for an empty change.
 */
export function parseFieldChanges(values: FileChange, mask: readonly string[] | undefined): FieldChanges {
  const names = listNames(mask ?? listGiven(values));
  const changes = names.map((name) => toChange(values, name));
  return { names, apply: (before) => changes.reduce((changed, change) => change(changed), before) };
}

/** One step of a change. */
type Change = (before: FileChange) => FileChange;

/** Names in a mask; each label and entry of metadata may have one of its own. */
const MASK_PATHS_MAX = 200;

const DESCRIPTION_FIELDS = {
  labels: "labels",
  metadata: "metadata",
  content_type: "contentType",
  data_subject: "dataSubject",
} as const satisfies Record<string, keyof FileChange>;

const FIELDS = { ...DESCRIPTION_FIELDS, ...RETENTION_FIELDS };

/** The fields that a request without a mask changes (AIP-134): every populated one. */
export function listGiven(values: FileChange): string[] {
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
    const value = Object.hasOwn(values[map], entry) ? values[map][entry] : undefined;
    return (before) => ({ ...before, [map]: replaceEntry(before[map], entry, value) });
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
