import { readFileSync } from "node:fs";

/** Process ids of the children of a process, the oldest first, from /proc. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** The command line of a process. */
export function commandOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
}

/** The state of a process, such as "T" while it is stopped; undefined when there is no such process. */
export function stateOf(pid: number | undefined): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** Whether a process exists and has not ended: a process that ended and that nobody has waited for is a zombie. */
export function isAlive(pid: number): boolean {
  return !["X", "Z", undefined].includes(stateOf(pid));
}
