import type { Writable } from "node:stream";
import { EXIT } from "./exit-code.ts";

/** Code for a command of which nothing remains once nobody reads it; what it was to say stands in its output alone. */
const UNREAD_EXIT_CODES: Readonly<Record<string, number>> = { ls: EXIT.done, watch: EXIT.failed };

/**
 * What becomes of a command whose output cannot be written. A reader that has seen enough (`sluice ls | head`) ends
 * commands that are there for their output, quietly; those that do something go on, and their exit code says the
 * outcome. Any other failure of standard output, a full disk for instance, is said and ends with 1. `exit` ends the process.
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
  // Where notes and bars cannot be shown, there is nowhere to say so.
  stderr.on("error", () => {});
}
