import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, globSync, mkdtempSync, readFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createSeededRandom } from "../samples/seeded-random.ts";
import type { TestCounts } from "./count-reporter.ts";

/*
 * Looks for tests that fail once in a while: `npm run test:shaken -- [--rounds N] [--seed N] [PATTERN...]`.
 * Each round runs the test files in a random order, beside two busy loops a core; every second round has one core. The seed of
 * a round decides its order and is printed: `--rounds 1 --seed N` repeats it. A test that fails here is mended, never repeated.
 */

const LOOPS_A_CORE = 2;
const PATTERNS = ["src/**/*.test.ts", "bench/**/*.test.ts"];
const ENDURANCE = ".endurance.test.ts";
/** A loop asks ten times a second whether whoever started it is still there: it never outlives a run that was killed. */
const BUSY_LOOP = `for (;;) { for (const end = Date.now() + 100; Date.now() < end; ); process.kill(${process.pid}, 0); }`;

/** What one round runs. */
interface Round {
  seed: number;
  cores: number;
  files: readonly string[];
  /** The whole output of the round. */
  log: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "10" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
  },
});
const [rounds, firstSeed] = [values.rounds, values.seed].map(Number) as [number, number];
if (!(rounds >= 1) || !Number.isInteger(firstSeed)) {
  console.error("--rounds is a number from 1, and --seed a whole number");
  process.exit(2);
}
const files = globSync(positionals.length > 0 ? positionals : PATTERNS)
  .filter((file) => !file.endsWith(ENDURANCE))
  .sort();
const folder = mkdtempSync(join(tmpdir(), "sluice-shaken-"));
// Two rounds that differ only in their cores would not both be found by their seed: odd seeds have one core.
const isPinnable = spawnSync("taskset", ["--version"]).status === 0;
if (!isPinnable) console.log("taskset is not here: every round has all cores");

let failed = 0;
for (let at = 0; at < rounds; at++) {
  const seed = firstSeed + at;
  const cores = isPinnable && seed % 2 === 1 ? 1 : availableParallelism();
  const round = { seed, cores, files: toShuffled(files, seed), log: join(folder, `${seed}.log`) };
  const startedAt = performance.now();
  const counts = await runRound(round);
  failed += counts.failed;
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  console.log(
    `round ${at + 1} of ${rounds}, seed ${seed}, ${cores === 1 ? "1 core" : `${cores} cores`}, ${files.length} files, ${seconds} s: ` +
      `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${round.log})`,
  );
  for (const failure of counts.failures) console.log(`  FAILED ${failure}`);
}
process.exitCode = failed > 0 ? 1 : 0;

/** Runs mocha as the first tier does, beside the loops; a run that prints no counts is a failure. */
async function runRound({ cores, files, log, seed }: Round): Promise<TestCounts> {
  const pinned = cores < availableParallelism() ? ["taskset", "--cpu-list", "0"] : [];
  const start = (args: readonly string[], env = process.env): ChildProcess => {
    const [program = "", ...rest] = [...pinned, process.execPath, ...args];
    return spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env });
  };
  const loops = Array.from({ length: cores * LOOPS_A_CORE }, () => start(["--eval", BUSY_LOOP]));
  try {
    const counts = join(folder, `${seed}.counts`);
    const mocha = fileURLToPath(import.meta.resolve("mocha/bin/mocha.js"));
    const postgres = fileURLToPath(import.meta.resolve("../rigs/shared-postgres.ts"));
    const reporter = fileURLToPath(import.meta.resolve("./count-reporter.ts"));
    const options = ["--parallel", "--exit", "--require", postgres];
    const report = ["--reporter", reporter, "--reporter-option", `counts=${counts}`];
    const run = start([mocha, ...options, ...report, ...files], { ...process.env, MOCHA_OPTIONS: "" });
    const output = createWriteStream(log);
    run.stdout?.pipe(output, { end: false });
    run.stderr?.pipe(output, { end: false });
    const [status] = await once(run, "close");
    const line = globSync(counts).map((file) => readFileSync(file, "utf8").trim())[0];
    if (line !== undefined) return JSON.parse(line) as TestCounts;
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      failures: [`the run ended with ${status} and without counts`],
      slowest: [],
    };
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
  }
}

/** Fisher and Yates's shuffle. */
function toShuffled(sorted: readonly string[], seed: number): string[] {
  const random = createSeededRandom(seed);
  const shuffled = [...sorted];
  for (let left = shuffled.length - 1; left > 0; left--) {
    const taken = Math.floor(random() * (left + 1));
    [shuffled[left], shuffled[taken]] = [shuffled[taken] as string, shuffled[left] as string];
  }
  return shuffled;
}
