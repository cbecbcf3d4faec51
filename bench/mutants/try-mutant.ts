import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import type { ChosenTests } from "./choose-tests.ts";
import { applyMutant, type Mutant } from "./find-mutants.ts";

/** What became of a mutant: the test that failed, where one did, and what it says. */
export type Verdict =
  | { readonly kind: "killed"; readonly by: string; readonly says: string }
  | { readonly kind: "survived" | "timed out" };

/** Longest run of the tests that need no server, and of the others, in milliseconds. */
const UNIT_MAX_MS = 150_000;
const INTEGRATION_MAX_MS = 400_000;

/** Runs test files with their first failure as the end. */
type Run = { kind: "passed" } | ({ kind: "failed" } & Failure) | { kind: "timed out" };

interface Failure {
  file: string;
  title: string;
  says: string;
}

/** Tries mutants one after the other, each in processes of its own: no file of the tree is changed. */
export function createMutantTrial(tree: string): (mutant: Mutant, tests: ChosenTests) => Promise<Verdict> {
  const healthy = new Map<string, boolean>();
  /** A test that fails without a mutant as well says nothing. */
  const isHealthy = async (file: string) => {
    const known = healthy.get(file);
    if (known !== undefined) return known;
    const run = await runTests(tree, [file], { timeoutMs: INTEGRATION_MAX_MS });
    healthy.set(file, run.kind === "passed");
    return run.kind === "passed";
  };
  return async (mutant, { unit, integration }) => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-mutant-"));
    try {
      const path = join(directory, "mutant.ts");
      await writeFile(path, applyMutant(await readFile(join(tree, mutant.file), "utf8"), mutant));
      const environment = {
        SLUICE_MUTANT: JSON.stringify({ url: pathToFileURL(join(tree, mutant.file)).href, path }),
        NODE_OPTIONS: `--import=${pathToFileURL(join(tree, "bench/mutants/load-mutant.ts")).href}`,
      };
      for (const [files, timeoutMs] of [
        [unit, UNIT_MAX_MS],
        [integration, INTEGRATION_MAX_MS],
      ] as const) {
        let left = [...files];
        while (left.length > 0) {
          const run = await runTests(tree, left, { timeoutMs, environment });
          if (run.kind === "timed out") return { kind: "timed out" };
          if (run.kind === "passed") break;
          if (run.file === "" || (await isHealthy(run.file)))
            return { kind: "killed", by: `${run.file} ${run.title}`.trim(), says: run.says };
          left = left.filter((one) => one !== run.file);
        }
      }
      return { kind: "survived" };
    } finally {
      await rm(directory, { recursive: true });
    }
  };
}

async function runTests(
  tree: string,
  files: readonly string[],
  { timeoutMs, environment = {} }: { timeoutMs: number; environment?: Record<string, string> },
): Promise<Run> {
  const needsServer = files.some((file) => file.includes(".integration."));
  const shared = needsServer ? ["--require", "./src/testing/rigs/shared-postgres.ts"] : [];
  const mocha = [
    "node_modules/mocha/bin/mocha.js",
    "--bail",
    "--exit",
    "--timeout",
    "30000",
    "--reporter",
    "json",
    ...shared,
  ];
  const child = spawn(process.execPath, [...mocha, ...files], {
    ...{ cwd: tree, env: { ...process.env, ...environment }, detached: true, stdio: ["ignore", "pipe", "ignore"] },
  });
  let isLate = false;
  // The whole group: tests start servers and services.
  const end = () => {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {
      // It has ended.
    }
  };
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  const pieces: Buffer[] = [];
  child.stdout?.on("data", (piece: Buffer) => pieces.push(piece));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  end();
  if (isLate) return { kind: "timed out" };
  if (code === 0) return { kind: "passed" };
  return { kind: "failed", ...readFailure(tree, Buffer.concat(pieces).toString()) };
}

/** The first failure of a report; without one the mutant kept the tests from being loaded. */
function readFailure(tree: string, output: string): Failure {
  const begin = output.search(/^\{$/m);
  try {
    const { failures } = JSON.parse(output.slice(begin));
    const [{ file = "", fullTitle = "", err = {} } = {}] = failures;
    return { file: file === "" ? "" : relative(tree, file), title: fullTitle, says: String(err.message) };
  } catch {
    return { file: "", title: "it could not be loaded", says: "" };
  }
}
