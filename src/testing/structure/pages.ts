import { readdirSync, readFileSync } from "node:fs";

const ROOT = new URL("../../../", import.meta.url);

/** A page of the documentation. */
export interface Page {
  /** From the top of the repository: `docs/uploading.md`. */
  readonly path: string;
  readonly text: string;
}

/** A fenced code block of a page. */
export interface Block {
  /** Text of the heading above it. */
  readonly heading: string;
  /** What stands behind the opening fence; empty where nothing does. */
  readonly language: string;
  readonly code: string;
  /** Line of the opening fence, counted from 1. */
  readonly line: number;
}

/** The pages as they are now, by name: "README" is README.md, every other name is a file of docs/ without its ending. */
export const PAGES: ReadonlyMap<string, Page> = new Map(
  [
    "README.md",
    ...readdirSync(new URL("docs/", ROOT))
      .sort()
      .map((name) => `docs/${name}`),
  ].map((path) => [path.replace(/^docs\/|\.md$/g, ""), { path, text: readFileSync(new URL(path, ROOT), "utf8") }]),
);

/** A page by its name; throws when there is no such page. */
export function pageOf(name: string): Page {
  const page = PAGES.get(name);
  if (page === undefined) throw new Error(`there is no page "${name}"; there are ${[...PAGES.keys()].join(", ")}`);
  return page;
}

/** A page between a heading (its text) and the next one of any level; throws when there is no such heading. */
export function sectionOf(page: string, heading: string): string {
  const { path, text } = pageOf(page);
  const headings = headingsOf(text);
  const at = headings.findIndex((one) => one.heading === heading);
  if (at < 0) throw new Error(`${path} has no heading "${heading}"`);
  const [begin = 0, end] = headings.slice(at, at + 2).map(({ line }) => line);
  return text
    .split("\n")
    .slice(begin, end === undefined ? undefined : end - 1)
    .join("\n");
}

/** The only code block of a language below a heading. page-rules.ts holds every block to have a test that takes it so. */
export function testedBlock(page: string, heading: string, language: string): string {
  const { path, text } = pageOf(page);
  const blocks = blocksOf(text).filter((block) => block.heading === heading && block.language === language);
  if (blocks[0] === undefined) throw new Error(`${path} has no ${language} block below "${heading}"`);
  return blocks[0].code;
}

/** The headings of a text, with their lines, counted from 1. Lines that begin with "#" in code are none. */
export function headingsOf(text: string): { heading: string; line: number }[] {
  return linesOf(text).flatMap(({ text: line, isCode }, at) => {
    const heading = isCode ? undefined : /^#+ (.+)$/.exec(line)?.[1];
    return heading === undefined ? [] : [{ heading, line: at + 1 }];
  });
}

/** Every fenced block of a text, indented ones too. */
export function blocksOf(text: string): Block[] {
  const headings = headingsOf(text);
  const lines = linesOf(text);
  return lines.flatMap(({ opens }, at) => {
    if (opens === undefined) return [];
    const heading = headings.findLast(({ line }) => line <= at)?.heading ?? "";
    const end = lines.findIndex(({ closes }, line) => line > at && closes);
    const code = lines.slice(at + 1, end).map(({ text: line }) => `${line}\n`);
    return [{ heading, language: opens, code: code.join(""), line: at + 1 }];
  });
}

/** A text without its code blocks; the other lines keep their places. */
export function proseOf(text: string): string {
  return linesOf(text)
    .map(({ text: line, isCode }) => (isCode ? "" : line))
    .join("\n");
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

/** The lines of a text. Fences belong to the code: `opens` is the language at an opening fence, and `closes` is true at a closing one. */
function linesOf(text: string): { text: string; isCode: boolean; opens?: string; closes?: boolean }[] {
  let fence: string | undefined;
  return text.split("\n").map((line) => {
    const [, mark, language = ""] = /^ *(```+|~~~+)([^`]*)$/.exec(line) ?? [];
    if (mark !== undefined && fence === undefined) {
      fence = mark;
      return { text: line, isCode: true, opens: language.trim() };
    }
    if (mark !== fence || mark === undefined || language !== "") return { text: line, isCode: fence !== undefined };
    fence = undefined;
    return { text: line, isCode: true, closes: true };
  });
}

function isRule(row: readonly string[] | undefined): boolean {
  return row?.every((cell) => /^:?-+:?$/.test(cell)) ?? false;
}
