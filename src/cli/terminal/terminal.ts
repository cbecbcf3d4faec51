import type { Readable, Writable } from "node:stream";

/** The parts of its process that a command uses. */
export interface Terminal {
  /** Takes results and, with --json, everything. */
  stdout: Writable & { isTTY?: boolean; columns?: number };
  /** Takes progress bars, notes and errors. */
  stderr: Writable & { isTTY?: boolean; columns?: number };
  stdin: Readable;
  env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user interrupts. */
  signal: AbortSignal;
}

/** One line of JSON on standard output, for programs. */
export function printJson(terminal: Terminal, value: Readonly<Record<string, unknown>>): void {
  terminal.stdout.write(`${JSON.stringify(value)}\n`);
}

/** One line on standard output, for people. */
export function printLine(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`);
}

/** Prints one line on standard error: a note that is no result. */
export function printNote(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${line}\n`);
}
