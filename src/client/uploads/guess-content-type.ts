import mime from "mime";

const UNKNOWN = "application/octet-stream";

/**
 * Media type by the extension of the first of these paths whose extension is known, for instance "text/plain" for "a/b.TXT";
 * "application/octet-stream" when none is known.
 */
export function guessContentType(...paths: readonly string[]): string {
  // mime takes a bare word for an extension, but a file named "txt" has none, and neither has a dot file.
  const extensions = paths.map((path) => /[^/\\]\.([^./\\]+)$/.exec(path)?.[1]);
  return extensions.map((extension) => extension && mime.getType(extension)).find(Boolean) || UNKNOWN;
}
