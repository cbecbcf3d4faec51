import { isPrimary } from "node:cluster";

/*
 * Preloaded into the processes of the stack: ends them when their standard input does, which is when the process that
 * started them is gone, however it went. Workers are left to their primary.
 */
if (isPrimary) {
  process.stdin.once("end", () => process.exit(1)).resume();
  // The pipe alone is no reason to keep running.
  (process.stdin as unknown as { unref?: () => void }).unref?.();
}
