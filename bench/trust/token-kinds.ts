import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { FigureRow } from "../sessions/figure-row.ts";

const TEST = "src/auth/token-kinds.integration.test.ts";
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MOCHA = fileURLToPath(new URL("../../node_modules/mocha/bin/mocha.js", import.meta.url));
const TIMEOUT_MS = 300_000;
const OUTPUT_MAX_BYTES = 16 * 2 ** 20;

/**
 * Tries every kind of token at every endpoint, by the test that has the table of what is meant to pass. The figure is how many
 * of its tests fail; it is not measured when the test could not run.
 */
export async function tryTokenKinds(): Promise<FigureRow> {
  const output = await new Promise<string>((resolve) => {
    const options = { cwd: ROOT, timeout: TIMEOUT_MS, maxBuffer: OUTPUT_MAX_BYTES };
    // Mocha ends with another code than 0 when a test fails, which its report says as well.
    execFile(process.execPath, [MOCHA, "--reporter", "json", TEST], options, (_error, stdout) => resolve(stdout));
  });
  const counts = /"passes": (\d+),\s+"pending": \d+,\s+"failures": (\d+)/.exec(output);
  const [passes, failures] = [Number(counts?.[1]), Number(counts?.[2])];
  return {
    name: "kinds of tokens × endpoints: tables of which a pair passes that is not meant to, or the reverse",
    unit: "count",
    measured: counts === null || passes + failures === 0 ? undefined : failures,
    must: { atMost: 0 },
    note: `${TEST} has the tables`,
  };
}
