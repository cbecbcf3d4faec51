import { AssertionError, expect } from "chai";
import { findSlowness, type Pattern } from "./pattern-rules.ts";
import { readSourceFiles, type SourceFile } from "./source-file.ts";

/** Regular expressions that are judged at once: the checker runs as processes of its own. */
const CHECKS_MAX = 2;

/** The files of `src` that are no tests. */
export function readOwnFiles(): SourceFile[] {
  return readSourceFiles(new URL("../../../", import.meta.url), ["src"]).filter(({ isTest }) => !isTest);
}

/** Expects that each expression takes time in proportion to the text that it reads, and that there are some. */
export async function expectLinear(patterns: readonly Pattern[]): Promise<void> {
  expect(patterns).to.have.length.above(20);
  const left = [...patterns];
  const sentences: string[] = [];
  const work = async () => {
    for (let pattern = left.pop(); pattern !== undefined; pattern = left.pop()) {
      const sentence = await findSlowness(pattern);
      if (sentence !== undefined) sentences.push(sentence);
    }
  };
  await Promise.all(Array.from({ length: CHECKS_MAX }, work));
  if (sentences.length > 0) throw new AssertionError(`\n  ${sentences.sort().join("\n  ")}`);
}
