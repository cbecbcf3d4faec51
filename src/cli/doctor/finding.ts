import { printJson, printLine, type Terminal } from "../terminal/terminal.ts";

/** The result of one check of `sluice doctor`. */
export interface Finding {
  /** The subject of the check, in a word or two. */
  check: string;
  isOk: boolean;
  /** A sentence; if there is a problem, it names the problem. */
  message: string;
  /** A sentence that says how to mend the problem; with `isOk`, it is what to do before there is a problem. */
  mend?: string;
}

/** Prints one line for each check, and what to do below those that need it; as JSON, an object for each. Returns whether all is well. */
export function printFindings(terminal: Terminal, findings: readonly Finding[], { json }: { json: boolean }): boolean {
  for (const finding of findings) {
    if (json) printJson(terminal, { ...finding });
    else for (const line of toLines(finding)) printLine(terminal, line);
  }
  return findings.every(({ isOk }) => isOk);
}

function toLines({ check, isOk, message, mend }: Finding): string[] {
  const state = isOk ? (mend === undefined ? "OK" : "WARNING") : "PROBLEM";
  return [`${state.padEnd(9)}${check}: ${message}`, ...(mend === undefined ? [] : [`         ${mend}`])];
}

/** The finding of a check that went well. */
export function well(check: string, message: string): Finding {
  return { check, isOk: true, message };
}

/** Nothing is wrong yet, and something is to be done. */
export function warning(check: string, message: string, mend: string): Finding {
  return { check, isOk: true, message, mend };
}

/** A problem and its mend. */
export function problem(check: string, message: string, mend: string): Finding {
  return { check, isOk: false, message, mend };
}

/** Name of an error for a table: the first `code` (of Node, pg or libuv) in its chain of causes, else the error's name. */
export function findErrorCode(error: unknown): string {
  let name = "";
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code, errors } = at as { code?: unknown; errors?: readonly unknown[] };
    // A DomainError has a code of our own; its cause says more.
    if (typeof code === "string" && at.name !== "DomainError") return code;
    if (errors?.[0] !== undefined) return findErrorCode(errors[0]);
    name = at.name;
  }
  return name;
}
