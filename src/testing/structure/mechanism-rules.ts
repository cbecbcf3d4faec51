import type { Page } from "./pages.ts";
import { codesIn, rowsOf } from "./pages.ts";
import type { SourceFile } from "./source-file.ts";

/** A file may grow or shrink by so many lines, or by this share of what the page says, before the page has to follow. */
const LINES_TOLERANCE = 10;
const SHARE_TOLERANCE = 0.1;
/** Files that end so hold a mechanism; the generator of AWS configurations has words of its own. */
const MECHANISM =
  /^src\/(?!aws\/).*\b(budget|limiter|lender|breakers?|slots|windows|pace|watchdog|relay|retries|sampler|recorder|gatherer|feed)\.ts$/;

/**
 * Rows of the page of mechanisms that are not true any more, and mechanisms that have no row, each as the sentence that mends it.
 * A row has a name, a purpose, a file of `src/`, its lines, and the file and title of the test that fails without it.
 */
export function findMechanismBreaches({ path: page, text }: Page, files: readonly SourceFile[]): string[] {
  const known = new Map(files.map((file) => [file.path, file]));
  const rows = rowsOf(text);
  const listed = new Set(rows.map(([, , file = ""]) => toPath(file)));
  const missing = files.filter(({ path, isTest }) => !isTest && MECHANISM.test(path) && !listed.has(path));
  return [
    ...(rows.length === 0 ? [`${page} has no rows; give each mechanism one`] : []),
    ...rows.flatMap(([name = "", , file = "", lines = "", test = ""]) => {
      const at = `${page}, "${name}":`;
      const source = known.get(toPath(file));
      const proof = known.get(toPath(test));
      const title = test.slice(test.indexOf("`: ") + 3);
      return [
        ...(source === undefined ? [`${at} there is no file ${toPath(file)}; name the file that has it now`] : []),
        ...(source === undefined ? [] : findStaleLines(source, lines).map((sentence) => `${at} ${sentence}`)),
        ...(proof === undefined ? [`${at} there is no file ${toPath(test)}; name the test that fails without it`] : []),
        ...(proof === undefined || hasTest(proof, title)
          ? []
          : [`${at} ${proof.path} has no test "${title}"; name the one that fails without the mechanism`]),
      ];
    }),
    ...missing.map(({ path }) => `${page} has no row for ${path}; say what it is for and which test fails without it`),
  ];
}

function findStaleLines({ path, text }: SourceFile, said: string): string[] {
  const lines = text.split("\n").length - 1;
  const tolerance = Math.max(LINES_TOLERANCE, Number(said) * SHARE_TOLERANCE);
  return Math.abs(lines - Number(said)) <= tolerance ? [] : [`${path} has ${lines} lines, not ${said}; write ${lines}`];
}

function hasTest({ text }: SourceFile, title: string): boolean {
  return text.includes(`it(${JSON.stringify(title)},`);
}

function toPath(cell: string): string {
  return `src/${codesIn(cell)[0] ?? cell}`;
}
