import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/**
 * The differences between the generated code that is committed and the code that the protos give now, a sentence for each
 * file.
 */
export function findGeneratedDrift(committed: string, fresh: string): string[] {
  const files = new Set([...listFiles(committed), ...listFiles(fresh)]);
  return [...files].sort().flatMap((file) => {
    const [old, now] = [committed, fresh].map((folder) => readIfThere(join(folder, file)));
    if (old === now) return [];
    if (old === undefined) return [`gen/${file} is missing; run "npm run generate" and commit it`];
    if (now === undefined) return [`gen/${file} comes from no proto any more; run "npm run generate" and commit that`];
    return [`gen/${file} is not what the protos give; run "npm run generate", and change protos only`];
  });
}

function listFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
