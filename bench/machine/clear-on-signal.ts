import { constants } from "node:os";

/**
 * On SIGINT and SIGTERM, clears up and then exits with 128 and the signal's number, as shells expect of an interrupted program.
 */
export function clearOnSignal(clear: () => Promise<void>): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void clear().finally(() => process.exit(128 + constants.signals[signal])));
  }
}
