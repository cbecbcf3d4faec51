import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { formatBytes, formatRun } from "../terminal/human-units.ts";
import { createProgressDisplay } from "../terminal/progress-display.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";
import { onLiveFile } from "./deleted-file.ts";
import { toFileJson, toStoredWords } from "./file-json.ts";

/** Options of `sluice download`, as parsed. */
export interface DownloadCommandOptions extends ConnectionOptions {
  json: boolean;
  resume: boolean;
  generation?: number;
}

/** `sluice download <path> [dest|-]`: downloads a file through its presigned URL and verifies it. */
export async function runDownload(
  terminal: Terminal,
  [path, destination]: [path: string, destination: string | undefined],
  options: DownloadCommandOptions,
): Promise<void> {
  const toStdout = destination === "-";
  if (toStdout && options.json) {
    throw new UsageError("the bytes and --json cannot both go to standard output; name a destination file");
  }
  const target = await toDestinationPath(path, destination);
  await withClient(terminal, options, async (client) => {
    const display = createProgressDisplay(terminal, { json: options.json, stdoutIsData: toStdout });
    const beganAt = performance.now();
    const { namespace, resume, generation } = options;
    let resumedBytes: number | undefined;
    try {
      const { signal } = terminal;
      const fetchFile = () =>
        client.download(path, toStdout ? terminal.stdout : target, {
          namespace,
          resume,
          signal,
          ...(generation !== undefined && { generation: BigInt(generation) }),
          onProgress(progress) {
            ({ resumedBytes } = progress);
            display.update({ label: basename(path), ...progress }, { ...progress });
          },
        });
      const file = await onLiveFile(client, { path, namespace, signal }, fetchFile);
      display.clear();
      if (toStdout) return;
      if (options.json) printJson(terminal, { type: "file", destination: target, ...toFileJson(file) });
      else {
        const sizeBytes = Number(file.sizeBytes);
        const rate = formatRun({ sizeBytes, resumedBytes }, performance.now() - beganAt);
        printLine(terminal, `downloaded ${path} to ${target}: ${toStoredWords(file)}, ${rate}`);
      }
    } catch (error) {
      display.clear();
      const kept = toStdout ? undefined : await stat(`${target}.part`).catch(() => undefined);
      if (kept !== undefined) {
        printNote(
          terminal,
          `${formatBytes(kept.size)} are kept in ${target}.part; run the same command to continue this download`,
        );
      }
      throw error;
    }
  });
}

/** The destination: the file's name in the current directory when unset, or in the directory that was named. */
async function toDestinationPath(path: string, destination: string | undefined): Promise<string> {
  if (destination === undefined) return basename(path);
  const found = await stat(destination).catch(() => undefined);
  return found?.isDirectory() ? join(destination, basename(path)) : destination;
}
