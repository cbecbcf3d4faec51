import { readFileSync } from "node:fs";

/** The README as it is now. */
export const README = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

/** The README between a heading (its text) and the next one of any level; throws when there is no such heading. */
export function sectionOf(heading: string, text = README): string {
  const lines = text.split("\n");
  let isCode = false;
  const headings = lines.map((line) => {
    if (line.startsWith("```")) isCode = !isCode;
    return isCode ? undefined : /^#+ (.+)$/.exec(line)?.[1];
  });
  const at = headings.indexOf(heading);
  if (at < 0) throw new Error(`the README has no heading "${heading}"`);
  const end = headings.findIndex((other, line) => line > at && other !== undefined);
  return lines.slice(at + 1, end < 0 ? undefined : end).join("\n");
}

/** The rows of the tables in a text, without their heads; cells are trimmed. */
export function rowsOf(text: string): string[][] {
  const rows = text
    .split("\n")
    .map((line) => (line.startsWith("|") ? line.slice(1, line.lastIndexOf("|")).split("|") : undefined))
    .map((row) => row?.map((cell) => cell.trim()));
  return rows.filter((row, at): row is string[] => row !== undefined && !isRule(row) && !isRule(rows[at + 1]));
}

/** What stands in backticks. */
export function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
}

/** The code block of a language that the section says a test runs. */
export function testedBlock(heading: string, language: string): string {
  const block = new RegExp(`<!-- a test runs this block -->\n\`\`\`${language}\n(.*?)\`\`\``, "s").exec(
    sectionOf(heading),
  );
  if (block?.[1] === undefined) throw new Error(`"${heading}" has no ${language} block that says a test runs it`);
  return block[1];
}

function isRule(row: readonly string[] | undefined): boolean {
  return row?.every((cell) => /^:?-+:?$/.test(cell)) ?? false;
}
