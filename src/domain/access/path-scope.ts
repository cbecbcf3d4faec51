/**
 * The paths that somebody has a role for: beginnings of paths in byte order, none of which begins with another. The whole
 * namespace is one empty beginning; no path at all is an empty list.
 */
export type PathScope = readonly string[];

/** Every path of a namespace. */
export const WHOLE_NAMESPACE: PathScope = [""];
/** No path. */
export const NO_PATH: PathScope = [];

/** The scope of all paths that begin with one of `prefixes`. */
export function toPathScope(prefixes: readonly string[]): PathScope {
  const scope: string[] = [];
  for (const prefix of prefixes.toSorted(compareBytes)) {
    const last = scope.at(-1);
    // Whatever begins with a text follows it at once in the order of bytes.
    if (last === undefined || !prefix.startsWith(last)) scope.push(prefix);
  }
  return scope;
}

/** Whether the path lies in the scope. */
export function isInScope(scope: PathScope, path: string): boolean {
  return scope.some((prefix) => path.startsWith(prefix));
}

/** The paths of the scope that begin with `prefix`. */
export function narrowScope(scope: PathScope, prefix: string): PathScope {
  if (isInScope(scope, prefix)) return [prefix];
  return scope.filter((one) => one.startsWith(prefix));
}

/** Orders texts as the database orders paths, and S3 keys: by their bytes in UTF-8. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
