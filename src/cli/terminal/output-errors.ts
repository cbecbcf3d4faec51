import type { Writable } from "node:stream";
import { EXIT } from "./exit-code.ts";

/** Exit codes of commands that have nothing left to do once nobody reads their output. */
const UNREAD_EXIT_CODES: Readonly<Record<string, number>> = { ls: EXIT.done, watch: EXIT.failed };

/**
 * Handles output that cannot be written. A reader that has seen enough (`sluice ls | head`) ends commands that exist for
 * their output, quietly. Commands that change something continue, and their exit code tells the outcome. Any other failure of
 * standard output, a full disk for instance, is printed, and the command ends with 1. `exit` ends the process.
 */
export function handleOutputErrors(
  { stdout, stderr }: { stdout: Writable; stderr: Writable },
  args: readonly string[],
  exit: (code: number) => void,
): void {
  const [command = ""] = args;
  const isDownload = command === "download" && args.includes("-");
  const unreadExitCode = isDownload ? EXIT.done : UNREAD_EXIT_CODES[command];
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") {
      if (unreadExitCode !== undefined) exit(unreadExitCode);
      return;
    }
    stderr.write(`sluice: standard output cannot be written: ${error.code ?? error.message}\n`);
    exit(EXIT.failed);
  });
  // When notes and bars cannot be shown, no other place is left to say so.
  stderr.on("error", () => {});
}
