import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import ts from "typescript";

/** The test files of the first tier that could notice a change of a file, the likeliest first. */
export interface ChosenTests {
  /** Need no server. */
  readonly unit: readonly string[];
  readonly integration: readonly string[];
}

/** Tests of imports that are further away say little, and there are hundreds. */
const STEPS_MAX = 7;
/** Tests of each kind that one mutant is worth: those that are nearest. */
const INTEGRATION_MAX = 16;
const UNIT_MAX = 60;

/** Chooses tests by what imports what: those beside the file, those of its room, and then by the number of imports between. */
export function createTestChooser(tree: string): (file: string) => ChosenTests {
  const importers = new Map<string, string[]>();
  for (const file of globSync("src/**/*.ts", { cwd: tree })) {
    for (const imported of readImports(tree, file)) {
      const known = importers.get(imported);
      if (known === undefined) importers.set(imported, [file]);
      else known.push(file);
    }
  }
  return (file) => {
    const steps = countSteps(importers, file);
    const rank = (test: string) =>
      (steps.get(test) ?? 0) + (isBeside(file, test) ? -100 : isOfRoom(file, test) ? -10 : 0);
    const tests = [...steps.keys()].filter((one) => one.endsWith(".test.ts") && !one.includes(".endurance."));
    tests.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
    const isIntegration = (one: string) => one.includes(".integration.");
    return {
      unit: tests.filter((one) => !isIntegration(one)).slice(0, UNIT_MAX),
      integration: tests.filter(isIntegration).slice(0, INTEGRATION_MAX),
    };
  };
}

function countSteps(importers: ReadonlyMap<string, string[]>, file: string): Map<string, number> {
  const steps = new Map([[file, 0]]);
  for (const [reached, count] of steps) {
    if (count >= STEPS_MAX) continue;
    for (const importer of importers.get(reached) ?? []) if (!steps.has(importer)) steps.set(importer, count + 1);
  }
  return steps;
}

function isBeside(file: string, test: string): boolean {
  return test.startsWith(`${file.slice(0, -".ts".length)}.`);
}

function isOfRoom(file: string, test: string): boolean {
  return dirname(test).startsWith(file.split("/").slice(0, 2).join("/"));
}

/** What a file loads of the tree; types are erased, and load nothing. */
function readImports(tree: string, file: string): string[] {
  const source = readFileSync(join(tree, file), "utf8");
  const imported = ts
    .preProcessFile(source.replaceAll(/^import type [^;]*;/gm, ""), true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith("."));
  return imported.map((name) => normalize(join(dirname(file), name)));
}
