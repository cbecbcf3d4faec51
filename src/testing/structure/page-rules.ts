import { posix } from "node:path";
import ts from "typescript";
import { blocksOf, headingsOf, type Page, proseOf } from "./pages.ts";
import { type SourceFile, walk } from "./source-file.ts";

/** A newcomer reads the README to its end; everything else has a page of its own. */
const README_LINES_MAX = 250;
/** Blocks of this language are there to be read: pictures, output, grammars. */
const READ_ONLY = "text";
const README = "README.md";

/** Pages by name, as pages.ts has them. */
type Pages = ReadonlyMap<string, Page>;

/** Blocks that no test takes by `testedBlock`, and those that it could not tell apart, each as the sentence that mends it. */
export function findUntestedBlocks(pages: Pages, files: readonly SourceFile[]): string[] {
  const taken = new Set(files.flatMap(findTakenBlocks));
  return [...pages].flatMap(([name, { path, text }]) => {
    const seen = new Set<string>();
    return blocksOf(text).flatMap(({ heading, language, line }) => {
      const at = `${path}:${line}`;
      if (language === READ_ONLY) return [];
      if (language === "")
        return [`${at} has a block without a language; name it, or "${READ_ONLY}" where it is only read`];
      const call = toCall([name, heading, language]);
      if (seen.has(call))
        return [`${at} has a second ${language} block below "${heading}"; join them, or add a heading`];
      seen.add(call);
      return taken.has(call) ? [] : [`${at} has a ${language} block that no test runs; run it in one, by ${call}`];
    });
  });
}

/** Links to files, pages and headings that do not exist. `exists` is asked with paths from the top of the repository. */
export function findBrokenLinks(pages: Pages, exists: (path: string) => boolean): string[] {
  const anchors = new Map([...pages.values()].map(({ path, text }) => [path, anchorsOf(text)]));
  return [...pages.values()].flatMap((page) =>
    linksOf(page).flatMap(({ link, path, anchor, line }) => {
      const at = `${page.path}:${line} links to ${link}`;
      if (!exists(path)) return [`${at}, and there is no file ${path}`];
      if (anchor === undefined || anchors.get(path)?.has(anchor)) return [];
      return [`${at}, and ${path} has no heading with the anchor ${anchor}`];
    }),
  );
}

/** Pages that the README's table does not lead to. */
export function findUnlistedPages(pages: Pages): string[] {
  const readme = pages.get("README");
  if (readme === undefined) return [`there is no ${README}`];
  const rows = { ...readme, text: readme.text.replace(/^(?!\|).*$/gm, "") };
  const listed = new Set(linksOf(rows).map(({ path }) => path));
  return [...pages.values()].flatMap(({ path }) =>
    path === README || listed.has(path)
      ? []
      : [`${path} is in no table of ${README}; add the question that it answers`],
  );
}

/** Pages that do not begin with one sentence under their title, page names that are not in kebab-case, and a README that is too long. */
export function findFormBreaches(pages: Pages): string[] {
  return [...pages.values()].flatMap(({ path, text }) => {
    if (path === README) {
      const lines = text.split("\n").length - 1;
      if (lines <= README_LINES_MAX) return [];
      return [
        `${path} has ${lines} lines, ${README_LINES_MAX} is the limit; move what a newcomer can do without to a page`,
      ];
    }
    const isNamed = /^docs\/[a-z0-9]+(-[a-z0-9]+)*\.md$/.test(path);
    const [, opening] = /^# .+\n\n([A-Z][\s\S]*?[.?])\n\n/.exec(text) ?? [];
    const isOneSentence = opening !== undefined && !/[.?!]\s/.test(opening);
    return [
      ...(isNamed ? [] : [`${path} is not named in kebab-case; write it like "docs/finding-files.md"`]),
      ...(isOneSentence ? [] : [`${path} does not begin with one sentence under its title; say what the page answers`]),
    ];
  });
}

/** Places in code, comments and messages that name a page or a heading of it that does not exist. */
export function findUnknownPages(pages: Pages, files: readonly { path: string; text: string }[]): string[] {
  const anchors = new Map([...pages.values()].map(({ path, text }) => [path, anchorsOf(text)]));
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<![\w/.-])(docs\/[a-z0-9-]+\.md)(?:#([\w-]+))?/g)].flatMap(([named, page = "", anchor]) => {
      const known = anchors.get(page);
      if (known !== undefined && (anchor === undefined || known.has(anchor))) return [];
      return [`${path} names ${named}, which is no page or no heading of it; name one that exists`];
    }),
  );
}

/** Calls of `testedBlock` in a test, with the words that they are given; a call with anything else takes no block that could be told. */
function findTakenBlocks({ path, tree }: SourceFile): string[] {
  const calls: string[] = [];
  if (!path.endsWith(".test.ts")) return calls;
  walk(tree, (node) => {
    if (!ts.isCallExpression(node) || node.expression.getText(tree) !== "testedBlock") return;
    calls.push(toCall(node.arguments.filter(ts.isStringLiteral).map(({ text }) => text)));
  });
  return calls;
}

function toCall(words: readonly string[]): string {
  return `testedBlock(${words.map((word) => JSON.stringify(word)).join(", ")})`;
}

/** The links of a page that lead into the repository; `path` is from its top. */
function linksOf({
  path: from,
  text,
}: Page): { link: string; path: string; anchor: string | undefined; line: number }[] {
  const prose = proseOf(text);
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].flatMap(({ index, 1: link = "" }) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [target = "", anchor] = link.split("#");
    const path = target === "" ? from : posix.join(posix.dirname(from), target);
    return [{ link, path, anchor, line: prose.slice(0, index).split("\n").length }];
  });
}

/** The anchors that GitHub gives the headings of a page: a later heading of the same words gets a number. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const { heading } of headingsOf(text)) {
    const words = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = words;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${words}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}
