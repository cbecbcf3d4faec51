import ts from "typescript";
import { lineOf, type SourceFile, walk } from "./source-file.ts";

/** Calls that read the real clock. Where it must be given to a system with a clock of its own, from-now.ts does. */
const CLOCK_READS = new Set([
  "Date.now",
  "performance.now",
  "process.hrtime",
  "process.hrtime.bigint",
  "process.uptime",
]);
const CONTRACT = /^src\/testing\/contracts\//;

/**
 * Reads of the real clock in tests and contracts, and tests of the first tier with a time-out of their own: how busy the machine is
 * would decide their outcome. Each as the sentence that mends it.
 */
export function findClockReads({ path, tree }: SourceFile): string[] {
  if (!path.endsWith(".test.ts") && !CONTRACT.test(path)) return [];
  const sentences: string[] = [];
  walk(tree, (node) => {
    if (ts.isNewExpression(node) && node.expression.getText(tree) === "Date" && (node.arguments ?? []).length === 0)
      sentences.push(`${path}:${lineOf(tree, node)} says new Date(); inject a clock, or give a time by fromNow`);
    if (!ts.isCallExpression(node)) return;
    const callee = node.expression.getText(tree);
    if (CLOCK_READS.has(callee))
      sentences.push(
        `${path}:${lineOf(tree, node)} calls ${callee}(); inject a clock, wait by until, or give a time by fromNow`,
      );
    if (/(^this|\))\.timeout$/.test(callee))
      sentences.push(
        `${path}:${lineOf(tree, node)} sets a time-out; mocha's own one is there for tests that never end, so wait for an event`,
      );
  });
  return sentences;
}
