import { DomainError } from "../errors.ts";

/** Longest path, in bytes of UTF-8; S3's limit for keys, which exports of a namespace keep to. */
export const PATH_MAX_BYTES = 1024;

/**
 * Embeddings, overrides and isolates of the direction of text (Unicode, UAX #9, 2.1 to 2.4). By one of them a reader sees
 * "reportfdp.exe" as "reportexe.pdf". The marks U+200E, U+200F and U+061C stay: Arabic and Hebrew are written with them.
 */
export const TEXT_DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

/**
 * Parses a path that a file is to get, as `parseFilePath` does, and refuses TEXT_DIRECTION in it. A path that is only
 * looked up may hold those characters, so that older files can be read, moved and deleted.
 */
export function parseNewFilePath(path: string, field = "path"): string {
  const at = path.search(TEXT_DIRECTION);
  if (at < 0) return parseFilePath(path, field);
  const problem = `it holds ${toCodePoint(path, at)}, which turns the direction of text, at offset ${at}; leave it out`;
  throw new DomainError("invalid_argument", `path is not valid: ${problem}`, { reason: "PATH_INVALID", field });
}

/**
 * Parses a path as a caller gave it: 1 to 1,024 bytes of UTF-8, segments separated by "/". Returns it in NFC, so that two
 * spellings of one text are one path. Refused, with `PATH_INVALID`: an empty path or segment, "." and "..", control
 * characters (NUL included) and lone surrogates.
 */
export function parseFilePath(path: string, field = "path"): string {
  const problem = findProblem(path);
  if (problem !== undefined) {
    throw new DomainError("invalid_argument", `path is not valid: ${problem}`, { reason: "PATH_INVALID", field });
  }
  const normalized = path.normalize("NFC");
  const sizeBytes = Buffer.byteLength(normalized);
  if (sizeBytes > PATH_MAX_BYTES) {
    throw new DomainError("invalid_argument", `path has ${sizeBytes} bytes of UTF-8; the limit is ${PATH_MAX_BYTES}`, {
      reason: "PATH_INVALID",
      field,
      details: { path_bytes: sizeBytes, path_bytes_max: PATH_MAX_BYTES },
    });
  }
  return normalized;
}

function findProblem(path: string): string | undefined {
  if (path === "") return 'it is empty; give at least one segment, for instance "report.pdf"';
  if (!path.isWellFormed()) return "it holds a lone surrogate; send well-formed Unicode";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const control = path.search(/[\u0000-\u001f\u007f-\u009f]/u);
  if (control >= 0)
    return `it holds the control character ${toCodePoint(path, control)} at offset ${control}; leave it out`;
  if (path.startsWith("/")) return 'it begins with "/"; begin with the first segment';
  if (path.endsWith("/")) return 'it ends with "/"; end with the name of the file';
  for (const segment of path.split("/")) {
    if (segment === "") return 'it holds an empty segment ("//"); join segments by one "/"';
    if (segment === "." || segment === "..")
      return `it holds the segment "${segment}"; paths are absolute, name the target`;
  }
  return undefined;
}

function toCodePoint(text: string, at: number): string {
  return `U+${text.charCodeAt(at).toString(16).padStart(4, "0").toUpperCase()}`;
}
