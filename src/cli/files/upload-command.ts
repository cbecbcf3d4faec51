import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { SluiceError } from "../../client/sluice-error.ts";
import type { Lanes } from "../../client/uploads/lane-plan.ts";
import type { UploadOptions } from "../../client/uploads/upload.ts";
import type { UploadProgress } from "../../client/uploads/upload-progress.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { UsageError } from "../terminal/exit-code.ts";
import { formatRun } from "../terminal/human-units.ts";
import { createProgressDisplay } from "../terminal/progress-display.ts";
import { printJson, printLine, printNote, type Terminal } from "../terminal/terminal.ts";
import { toReceiptJson, toStoredWords } from "./file-json.ts";
import { createUploadTracker, type UploadTracker } from "./upload-tracker.ts";

/** Options of `sluice upload`, as parsed. */
export interface UploadCommandOptions extends ConnectionOptions {
  json: boolean;
  resume: boolean;
  contentType?: string;
  meta: Readonly<Record<string, string>>;
  label: Readonly<Record<string, string>>;
  ifGenerationMatch?: number;
  sizeHint?: number;
  sha256: boolean;
  lanes: Lanes;
}

/** `sluice upload <file|-> [path]`: sends a file, or standard input, and prints the receipt. */
export async function runUpload(
  terminal: Terminal,
  [file, path]: [file: string, path: string | undefined],
  options: UploadCommandOptions,
): Promise<void> {
  const target = toTargetPath(file, path);
  await withClient(terminal, options, async (client, urls) => {
    const tracker = options.resume
      ? await findTracker(terminal, file, { urls, path: target, namespace: options.namespace })
      : undefined;
    const display = createProgressDisplay(terminal, options);
    const beganAt = performance.now();
    const uploadOptions = toUploadOptions(terminal, options);
    const sayOnce = createFailureNotes(terminal, { isJson: options.json, clear: () => display.clear() });
    let failures = 0;
    let resumedBytes: number | undefined;
    try {
      const committed = await client.upload(file === "-" ? terminal.stdin : file, target, {
        ...uploadOptions,
        resumeUploadId: await tracker?.find(),
        onUploadId(uploadId) {
          display.note(`upload ${uploadId} (for sluice watch)`);
          return tracker?.remember(uploadId);
        },
        onProgress(progress) {
          const important = progress.phase === "done" || progress.failures !== failures;
          sayOnce(progress.failure);
          ({ failures, resumedBytes } = progress);
          display.update(toBar(basename(target), progress), { ...progress }, important);
        },
      });
      await tracker?.forget();
      display.clear();
      const { receipt } = committed;
      if (receipt === undefined) return;
      if (options.json) printJson(terminal, { type: "receipt", path: target, ...toReceiptJson(receipt), resumedBytes });
      else {
        const sizeBytes = Number(receipt.sizeBytes);
        const rate = formatRun({ sizeBytes, resumedBytes }, performance.now() - beganAt);
        printLine(terminal, `uploaded ${target}: ${toStoredWords(receipt)}, ${rate}`);
      }
    } catch (error) {
      display.clear();
      const uploadId = await tracker?.find();
      if (uploadId !== undefined && isWorthContinuing(error)) {
        printNote(terminal, `what is durable is kept: the same command continues upload ${uploadId}`);
      }
      throw error;
    }
  });
}

function toUploadOptions(terminal: Terminal, options: UploadCommandOptions): UploadOptions {
  return {
    namespace: options.namespace,
    metadata: options.meta,
    labels: options.label,
    computeSha256: options.sha256,
    lanes: options.lanes,
    signal: terminal.signal,
    ...(options.contentType !== undefined && { contentType: options.contentType }),
    ...(options.ifGenerationMatch !== undefined && { ifGenerationMatch: options.ifGenerationMatch }),
    ...(options.sizeHint !== undefined && { sizeHintBytes: options.sizeHint }),
  };
}

/** Path of the uploaded file: the local file's name when unset, or that name below the path when it ends in "/". */
function toTargetPath(file: string, path: string | undefined): string {
  if (file === "-") {
    if (path === undefined || path.endsWith("/")) {
      throw new UsageError("standard input has no name; say the path to upload it to: sluice upload - <path>");
    }
    return path;
  }
  if (path === undefined) return basename(file);
  return path.endsWith("/") ? path + basename(file) : path;
}

/** Only plain files have the same bytes in another process. */
async function findTracker(
  terminal: Terminal,
  file: string,
  target: { urls: readonly string[]; path: string; namespace: string },
): Promise<UploadTracker | undefined> {
  const found = file === "-" ? undefined : await stat(file).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return createUploadTracker(terminal.env, {
    ...target,
    file: resolve(file),
    sizeBytes: found.size,
    mtimeMs: found.mtimeMs,
  });
}

/** Prints why an upload waits, each reason once, beside a bar that may not be seen. With --json the events hold it. */
function createFailureNotes(terminal: Terminal, { isJson, clear }: { isJson: boolean; clear: () => void }) {
  const said = new Set<string>();
  return (failure: string | undefined) => {
    if (isJson || failure === undefined || said.has(failure)) return;
    said.add(failure);
    clear();
    printNote(terminal, `trying again: ${failure}`);
  };
}

function isWorthContinuing(error: unknown): boolean {
  return (
    !(error instanceof SluiceError) ||
    !["invalid_argument", "unauthenticated", "permission_denied"].includes(error.code)
  );
}

function toBar(label: string, progress: UploadProgress) {
  const { phase, failures, failure } = progress;
  const waiting = failures > 0 ? `trying again (failure ${failures}): ${failure}` : phase;
  return { label, ...progress, note: phase === "sending" || phase === "done" ? undefined : waiting };
}
