import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { configure } from "../../aws/configure.ts";
import type { Configuration } from "../../aws/generate-configuration.ts";
import { listReplaced, selectExisting } from "../../aws/live/import-existing.ts";
import {
  ANSWER_FILES,
  type ExistingBucket,
  parseExistingAnswers,
  readExistingBucket,
} from "../../aws/live/reading/existing-bucket.ts";
import { createLiveAws } from "../../aws/live/reading/live-aws.ts";
import { addSettings } from "../../aws/settings/add-settings.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { printNote, type Terminal } from "../terminal/terminal.ts";

/** The settings as they are said: by a file, by flags, or by both. */
export interface SaidSettings {
  readonly configuration: Configuration;
  /** Text of the settings file; "" without one. */
  readonly text: string;
  /** Settings that flags say. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * The text of settings with what the bucket has before and keeps. What the template would replace is printed first, as notes.
 * Throws a DomainError when the bucket has something that cannot be kept, and `LiveAwsProblem` when it cannot be read.
 */
export async function importExisting(
  terminal: Terminal,
  { configuration, text, values }: SaidSettings,
  { from, endpoint }: { from?: string | undefined; endpoint?: string | undefined },
): Promise<string> {
  const before = from === undefined ? await readLive(terminal, configuration, endpoint) : await readAnswers(from);
  const kept = addSettings(text, { ...values, ...selectExisting(configuration, before) });
  const merged = configure({ file: { text: kept, name: "the settings with what the bucket has" } });
  const replaced = listReplaced(merged, before);
  const { bucket } = merged.site;
  printNote(
    terminal,
    replaced.length === 0
      ? `the template replaces nothing of bucket ${bucket}`
      : `the template replaces this of bucket ${bucket}:\n${replaced.map((sentence) => `  ${sentence}`).join("\n")}`,
  );
  return kept;
}

async function readLive(terminal: Terminal, { site }: Configuration, endpoint?: string): Promise<ExistingBucket> {
  const { region, account, bucket } = site;
  const liveAws = createLiveAws({ region, account, endpoint });
  try {
    return await readExistingBucket(bucket, liveAws, terminal);
  } finally {
    liveAws.close();
  }
}

async function readAnswers(folder: string): Promise<ExistingBucket> {
  const answers = new Map<string, string>();
  for (const name of ANSWER_FILES) {
    try {
      answers.set(name, await readFile(join(folder, name), "utf8"));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT") throw new UsageError(`${join(folder, name)} cannot be read: ${code}`);
    }
  }
  if (answers.size === 0) throw new UsageError(`${folder} has none of the files ${ANSWER_FILES.join(", ")}`);
  return parseExistingAnswers(answers);
}
