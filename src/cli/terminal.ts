import type { Readable, Writable } from "node:stream";

/** What a command sees of the process it runs in. */
export interface Terminal {
  /** Results and, with --json, everything. */
  stdout: Writable & { isTTY?: boolean; columns?: number };
  /** Progress bars, notes and errors. */
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

/** One line on standard error: what is worth knowing but is no result. */
export function printNote(terminal: Terminal, line: string): void {
  terminal.stderr.write(`${line}\n`);
}
