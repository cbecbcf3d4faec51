import mime from "mime";

const UNKNOWN = "application/octet-stream";

/**
 * Media type by the extension of the first of these paths that has a known one, for instance "text/plain" of "a/b.TXT";
 * "application/octet-stream" where none has.
 */
export function guessContentType(...paths: readonly string[]): string {
  // mime takes a bare word for an extension: a file named "txt" has none, nor has a dot file.
  const extensions = paths.map((path) => /[^/\\]\.([^./\\]+)$/.exec(path)?.[1]);
  return extensions.map((extension) => extension && mime.getType(extension)).find(Boolean) || UNKNOWN;
}
