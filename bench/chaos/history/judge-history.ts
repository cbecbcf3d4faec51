import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isLinearizable } from "./linearize.ts";
import { narrowUnknown } from "./narrow-unknown.ts";
import type { Operation } from "./operation.ts";

/** How long porcupine may take for each pair, in seconds: a pair of some hundred calls takes it much less than one. */
const PAIR_TIMEOUT_SECONDS = 30;

/** The verdict of a judge on a history. */
export interface HistoryVerdict {
  /** The pairs whose calls have no order that explains them, or for which the judge did not find out; none when all is well. */
  readonly problems: readonly string[];
  /** The name of the judge that gave the verdict. */
  readonly judge: string;
}

/** Judges histories; each pair of paths by itself. */
export type HistoryJudge = (operations: readonly Operation[]) => Promise<HistoryVerdict>;

/** `.ci/run` builds `bench/chaos/history/porcupine` as this program in its cache. */
const PORCUPINE = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  "sluice-ci/history-judge-v1.3.1/bin/history-judge",
);

/** porcupine where its program was built, else undefined. `keepsRefused` leaves the file of a history that it does not accept, and names it. */
export function findPorcupine({ keepsRefused = false } = {}): HistoryJudge | undefined {
  if (!existsSync(PORCUPINE)) return undefined;
  return async (operations) => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-history-"));
    const file = join(folder, "history");
    await writeFile(
      file,
      narrowUnknown(operations)
        .map((one) => `${JSON.stringify(one)}\n`)
        .join(""),
    );
    const pairs = new Set(operations.map(({ pair }) => pair)).size;
    const timeoutMs = 1000 * PAIR_TIMEOUT_SECONDS * (pairs + 1);
    const said = await run(PORCUPINE, [file, String(PAIR_TIMEOUT_SECONDS)], timeoutMs);
    const problems = said.startsWith("accepted ") ? [] : said.split("\n").filter((line) => line !== "");
    if (keepsRefused && problems.length > 0) return { problems, judge: `porcupine; ${file} has the history` };
    await rm(folder, { recursive: true, force: true });
    return { problems, judge: "porcupine" };
  };
}

/** The judge of this repository, for machines where the program was not built. */
export const judgeByOwnCheck: HistoryJudge = async (operations) => {
  const problems = [...Map.groupBy(operations, ({ pair }) => pair)].flatMap(([pair, own]) => {
    const verdict = isLinearizable(own);
    if (verdict === undefined) return [`undecided: the history of pair ${pair}`];
    return verdict ? [] : [`refused: the history of pair ${pair} is not linearizable`];
  });
  return { problems, judge: "the own check" };
};

async function run(program: string, args: readonly string[], timeout: number): Promise<string> {
  return await promisify(execFile)(program, args, { timeout }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr, message }: { stdout?: string; stderr?: string; message: string }) => stdout || stderr || message,
  );
}
