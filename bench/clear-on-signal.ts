import { constants } from "node:os";

/** On SIGINT and SIGTERM: clears, then exits as shells expect of one that was interrupted (128 and the signal's number). */
export function clearOnSignal(clear: () => Promise<void>): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void clear().finally(() => process.exit(128 + constants.signals[signal])));
  }
}
