import type { SourceFile } from "./source-file.ts";

/**
 * Circles of imports among the files, each as the sentence that mends it: one circle for each file that closes one.
 * Imports of types count, because two files that need each other's types are one concept in two places.
 */
export function findImportCycles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const sentences: string[] = [];
  const visit = (path: string, above: readonly string[]): void => {
    const at = above.indexOf(path);
    if (at >= 0) {
      const circle = [...above.slice(at), path].join(" -> ");
      sentences.push(`${path}: imports itself through ${circle}; move what both ends need into a file of its own`);
      return;
    }
    if (done.has(path)) return;
    for (const { target } of byPath.get(path)?.imports ?? []) {
      if (byPath.has(target)) visit(target, [...above, path]);
    }
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return sentences;
}
