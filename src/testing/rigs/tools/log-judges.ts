import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findTool, TOOLS } from "./find-tool.ts";

/** How long a judge may take for a log of some thousand entries on a busy machine, in milliseconds. */
const JUDGE_TIMEOUT_MS = 120_000;

/** What is kept of a judge's words, in characters: fsck prints whole tiles. */
const WORDS_MAX_CHARACTERS = 1000;

/** What each judge says of a log: undefined when it accepts it, else its own words. */
export interface Verdicts {
  /** `cmd/fsck` of github.com/transparency-dev/tessera. */
  tessera: string | undefined;
  /** golang.org/x/mod/sumdb, by the program in `testing/judges/tlog`. */
  sumdb: string | undefined;
}

/** Judges the files of a log by path. */
export type JudgeLog = (
  files: ReadonlyMap<string, Uint8Array>,
  log: { origin: string; verifierKey: string },
) => Promise<Verdicts>;

/** The judges that nobody here wrote. Resolves to a sentence that says what is missing where one of them is not installed. */
export async function findLogJudges(): Promise<JudgeLog | string> {
  const [fsck, sumdb] = [await findTool(TOOLS.fsck), await findTool(TOOLS.tlogJudge)];
  if (typeof fsck === "string") return fsck;
  if (typeof sumdb === "string") return sumdb;
  return async (files, { origin, verifierKey }) => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
    try {
      for (const [path, bytes] of files) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), bytes);
      }
      const key = join(folder, "key");
      await writeFile(key, verifierKey);
      // Each tile that fsck refuses ends one of its workers, and without any it waits for ever.
      const ask = [
        "--N=16",
        `--storage_url=file://${folder}/`,
        `--public_key=${key}`,
        `--origin=${origin}`,
        "--ui=false",
      ];
      return {
        // What fsck 1.0.4 exits with tells nothing.
        tessera: await run(fsck.program, ask, { accepts: "Successfully fsck'd log" }),
        sumdb: await run(sumdb.program, [verifierKey, origin, folder], { accepts: "accepted " }),
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

async function run(
  program: string,
  args: readonly string[],
  { accepts }: { accepts: string },
): Promise<string | undefined> {
  const said = await promisify(execFile)(program, args, { timeout: JUDGE_TIMEOUT_MS }).then(
    ({ stdout, stderr }) => stdout + stderr,
    ({ stderr, message }: { stderr?: string; message: string }) => stderr || message,
  );
  return said.includes(accepts) ? undefined : said.slice(0, WORDS_MAX_CHARACTERS);
}
