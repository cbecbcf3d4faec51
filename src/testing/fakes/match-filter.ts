import { type File, isHeldInStorage, toFileEtag } from "../../domain/files/file.ts";
import { toSearchWords } from "../../domain/files/search-words.ts";
import type {
  FileFilter,
  FlagField,
  MapEntry,
  NumberField,
  TextField,
  TimeField,
} from "../../domain/filter/file-filter.ts";
import type { Comparison } from "../../domain/filter/filter.ts";

/** Whether a file matches a filter; the contract compares the condition in SQL with this. */
export function matchFilter(file: File, filter: FileFilter): boolean {
  switch (filter.kind) {
    case "and":
      return filter.of.every((part) => matchFilter(file, part));
    case "or":
      return filter.of.some((part) => matchFilter(file, part));
    case "not":
      return !matchFilter(file, filter.of);
    case "number":
      return isTrue(filter.comparison, NUMBERS[filter.field](file) - filter.value);
    case "time": {
      const time = TIMES[filter.field](file);
      return time !== undefined && isTrue(filter.comparison, time.getTime() - filter.value.getTime());
    }
    case "flag":
      return FLAGS[filter.field](file) === filter.value;
    case "text": {
      const text = textOf(file, filter.field);
      return (
        text !== undefined && isTrue(filter.comparison, Buffer.compare(Buffer.from(text), Buffer.from(filter.value)))
      );
    }
    case "like": {
      const text = textOf(file, filter.field);
      return text !== undefined && isLike(text, filter.pieces);
    }
    case "present":
      return isPresent(file, filter.field);
    case "words": {
      const found = toSearchWords([file.path, ...Object.values(file.metadata)].join(" "));
      return filter.words.every(({ text, isPrefix }) =>
        found.some((word) => (isPrefix ? word.startsWith(text) : word === text)),
      );
    }
  }
}

const TEXTS: Record<TextField, (file: File) => string | undefined> = {
  namespace: (file) => file.namespace,
  path: (file) => file.path,
  file_id: (file) => file.fileId,
  sha256: (file) => file.sha256 && Buffer.from(file.sha256).toString("hex"),
  content_type: (file) => file.contentType,
  bucket: (file) => file.bucket,
  region: (file) => file.region,
  s3_key: (file) => file.s3Key,
  s3_version_id: (file) => file.s3VersionId,
  s3_etag: (file) => file.s3Etag,
  etag: toFileEtag,
  data_subject: (file) => file.dataSubject,
};

const NUMBERS: Record<NumberField, (file: File) => number> = {
  generation: (file) => file.generation,
  size_bytes: (file) => file.sizeBytes,
  crc32: (file) => file.crc32,
  metageneration: (file) => file.metageneration,
};

const TIMES: Record<TimeField, (file: File) => Date | undefined> = {
  create_time: (file) => file.createTime,
  update_time: (file) => file.updateTime,
  delete_time: (file) => file.deleteTime,
  purge_time: (file) => file.purgeTime,
  supersede_time: (file) => file.supersedeTime,
  retain_until_time: (file) => file.retainUntilTime,
};

const FLAGS: Record<FlagField, (file: File) => boolean> = {
  legal_hold: (file) => file.legalHold,
  legal_hold_in_storage: isHeldInStorage,
  purged: (file) => file.purgeState === "purged",
};

function textOf(file: File, field: TextField | MapEntry): string | undefined {
  if (typeof field === "string") return TEXTS[field](file);
  const map = file[field.map];
  return Object.hasOwn(map, field.name) ? map[field.name] : undefined;
}

function isPresent(file: File, field: Extract<FileFilter, { kind: "present" }>["field"]): boolean {
  if (typeof field === "object") return textOf(file, field) !== undefined;
  if (field === "labels" || field === "metadata") return Object.keys(file[field]).length > 0;
  if (field in NUMBERS) return true;
  if (field in FLAGS) return FLAGS[field as FlagField](file);
  if (field in TIMES) return TIMES[field as TimeField](file) !== undefined;
  return (TEXTS[field as TextField](file) ?? "") !== "";
}

function isTrue(comparison: Comparison, difference: number): boolean {
  switch (comparison) {
    case "=":
      return difference === 0;
    case "<":
      return difference < 0;
    case "<=":
      return difference <= 0;
    case ">":
      return difference > 0;
    case ">=":
      return difference >= 0;
  }
}

/** The first piece begins the text, the last ends it, and the others are found in this order between them. */
function isLike(text: string, pieces: readonly string[]): boolean {
  const [first = "", last = ""] = [pieces[0], pieces.at(-1)];
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}
