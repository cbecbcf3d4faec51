import { posix } from "node:path";

/** What is known of a file: its path from the top of the repository, and its text. */
interface MeasuredFile {
  path: string;
  text: string;
}

/** How large the house is. Lines are counted as `wc -l` counts them, blank lines and comments too. */
export interface HouseFigures {
  lines: { product: number; tests: number; rigs: number; benches: number };
  /** Files in the hall of `src/`, tests among them. */
  hallFiles: number;
  /** The folder with the most files beside their tests. */
  fullest: { folder: string; files: number };
}

/** Measures the house; what only tests import (`src/testing`) are rigs. */
export function measureHouse(files: readonly MeasuredFile[]): HouseFigures {
  const lines = { product: 0, tests: 0, rigs: 0, benches: 0 };
  for (const { path, text } of files) lines[kindOf(path)] += text.split("\n").length - 1;
  const [folder, count] = [...countFolders(files)].toSorted(([, a], [, b]) => b - a)[0] ?? ["none", 0];
  const hallFiles = files.filter(({ path }) => posix.dirname(path) === "src").length;
  return { lines, hallFiles, fullest: { folder, files: count } };
}

/** How many files each folder has beside their tests. */
export function countFolders(files: readonly Pick<MeasuredFile, "path">[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of files) {
    if (path.endsWith(".test.ts")) continue;
    const folder = posix.dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return counts;
}

function kindOf(path: string): keyof HouseFigures["lines"] {
  if (path.endsWith(".test.ts")) return "tests";
  if (path.startsWith("bench/")) return "benches";
  return path.startsWith("src/testing/") ? "rigs" : "product";
}
