import type { WatchedUpload } from "../../client/calls/watch-upload.ts";
import { type ConnectionOptions, withClient } from "../login/client-environment.ts";
import { createProgressDisplay } from "../terminal/progress-display.ts";
import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";
import { toReceiptJson, toStoredWords } from "./file-json.ts";

/** `sluice watch <upload-id>`: shows an upload's progress and outcome. Resolves to whether it was committed. */
export async function runWatch(
  terminal: Terminal,
  uploadId: string,
  options: ConnectionOptions & { json: boolean },
): Promise<boolean> {
  return await withClient(terminal, options, async (client) => {
    const display = createProgressDisplay(terminal, options);
    let last: WatchedUpload | undefined;
    try {
      for await (const report of client.watchUpload(uploadId, {
        namespace: options.namespace,
        signal: terminal.signal,
        onFailure: ({ message }) => {
          const failed = {
            ...(last === undefined ? unknownOf(uploadId) : toBar(last)),
            note: `trying again: ${message}`,
          };
          display.update(failed, { ...(last !== undefined && toEvent(last)), failure: message }, true);
        },
      })) {
        display.update(toBar(report), toEvent(report), report.state !== last?.state);
        last = report;
      }
    } finally {
      display.clear();
    }
    if (last === undefined) throw new Error(`the watch of upload ${uploadId} has ended without a report`);
    printOutcome(terminal, last, options);
    return last.committed;
  });
}

function toEvent({ file: _file, receipt: _receipt, ...event }: WatchedUpload) {
  return event;
}

/** The bar of an upload whose progress is not known yet. */
function unknownOf(label: string) {
  return { label, receivedBytes: 0, bytesPerSecond: 0 };
}

function toBar(report: WatchedUpload) {
  const { state, bytesPerSecond = 0 } = report;
  const note = state !== "open" ? state : report.bytesPerSecond === undefined ? "measuring" : undefined;
  return { ...report, label: report.path.split("/").at(-1) ?? "", bytesPerSecond, note };
}

function printOutcome(terminal: Terminal, { path, state, receipt }: WatchedUpload, { json }: { json: boolean }): void {
  if (json) {
    printJson(terminal, { type: "outcome", path, state, ...(receipt !== undefined && toReceiptJson(receipt)) });
  } else if (receipt === undefined) {
    printLine(terminal, `${state} ${path}: there is no file of this upload`);
  } else {
    printLine(terminal, `${state} ${path}: ${toStoredWords(receipt)}`);
  }
}
