import { check, type Parameters } from "recheck";
import ts from "typescript";
import { lineOf, type SourceFile, walk } from "./source-file.ts";

/** A regular expression of the code, and every place that writes it. */
export interface Pattern {
  source: string;
  flags: string;
  /** `src/rest/files/byte-range.ts:12`, in the order of the files. */
  places: readonly string[];
}

/** Files that build an expression while they run, which nothing can judge before; each with whose text it is built of. */
const BUILDERS: Readonly<Record<string, string>> = {
  "src/aws/live/comparison/made-up-ids.ts":
    "the template's own texts, matched with what the operator's AWS account answers",
  "src/domain/jobs/operation-error.ts": "a text of the request itself, escaped, with one letter looked at on each side",
  "src/devstack/s3-server/faults.ts": "the fault rules of a developer's own S3 server",
};

/** The regular expressions that the files write as literals; the same one is listed once. */
export function listPatterns(files: readonly SourceFile[]): Pattern[] {
  const places = new Map<string, string[]>();
  for (const { path, tree } of files) {
    walk(tree, (node) => {
      if (!ts.isRegularExpressionLiteral(node)) return;
      const at = `${path}:${lineOf(tree, node)}`;
      places.set(node.text, [...(places.get(node.text) ?? []), at]);
    });
  }
  return [...places].map(([literal, where]) => {
    const end = literal.lastIndexOf("/");
    return { source: literal.slice(1, end), flags: literal.slice(end + 1), places: where };
  });
}

/** Expressions that are put together by `RegExp(…)`, each as the sentence that mends it. */
export function findBuiltPatterns({ path, tree }: SourceFile): string[] {
  const sentences: string[] = [];
  walk(tree, (node) => {
    const isCall = ts.isNewExpression(node) || ts.isCallExpression(node);
    if (!isCall || node.expression.getText(tree) !== "RegExp" || Object.hasOwn(BUILDERS, path)) return;
    sentences.push(`${path}:${lineOf(tree, node)} builds a regular expression; write it as a literal, which is judged`);
  });
  return sentences;
}

/** The search stops by how many characters it has read, and never by a clock: a busy machine gives the same verdict. */
const UNTIMED: Parameters = {
  timeout: null,
  attackTimeout: null,
  incubationTimeout: null,
  seedingTimeout: null,
};

/**
 * Why a regular expression may take more time than its text is long; undefined when it is linear. `recheck` judges by the
 * automaton of the expression, or by a search with a fixed seed where the expression has no automaton of a fit size.
 */
export async function findSlowness({ source, flags, places }: Pattern): Promise<string | undefined> {
  const verdict = await check(source, flags, UNTIMED);
  if (verdict.status === "safe") return undefined;
  const shown = `${places.join(", ")}: /${source}/${flags}`;
  if (verdict.status === "unknown") return `${shown} cannot be judged (${verdict.error.kind}); write it plainer`;
  const { complexity, attack } = verdict;
  return `${shown} is ${complexity.summary}, for instance on ${attack.pattern}; let no two repetitions take the same text`;
}
