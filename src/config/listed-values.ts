import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** Largest list, in characters of its JSON or YAML. */
const TEXT_MAX_CHARACTERS = 262_144;

/**
 * The value of a variable that is JSON itself, or the path of a JSON or YAML file. Throws a sentence that says what is wrong. The
 * sentence quotes nothing of the variable or the file when they are secret: whoever forgets the brackets has written the secret
 * where a path is expected.
 */
export function readListed(text: string, { isSecret = false }: { isSecret?: boolean } = {}): unknown {
  const isInline = /^[[{]/.test(text);
  const content = isInline ? text : readFile(text, isSecret);
  if (content.length > TEXT_MAX_CHARACTERS) throw new Error(`has more than ${TEXT_MAX_CHARACTERS} characters`);
  try {
    if (isInline || /\.json$/i.test(text)) return JSON.parse(content);
    // Most services configure no such list, or by JSON: they do not need the memory of the parser.
    return (createRequire(import.meta.url)("yaml") as typeof import("yaml")).parse(content, { maxAliasCount: 0 });
  } catch (error) {
    throw new Error(
      `is not valid ${isInline ? "JSON" : "JSON or YAML"}${isSecret ? "" : `: ${(error as Error).message}`}`,
    );
  }
}

function readFile(path: string, isSecret: boolean): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const file = isSecret ? "a file" : `the file "${path}"`;
    throw new Error(`names ${file}, which cannot be read (${code}); set it to a JSON list, or to a file of one`);
  }
}
