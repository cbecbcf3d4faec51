import { createWriteStream } from "node:fs";

/** The file that keeps the output of the processes of the stack. */
export interface StackLog {
  write(line: string): void;
  end(): void;
}

/**
 * Appends lines to a file. When a line cannot be written, for instance on a full disk, nothing ends: `onProblem` hears of
 * it once, and all further lines are dropped.
 */
export function openStackLog(path: string, onProblem: (sentence: string) => void): StackLog {
  const file = createWriteStream(path, { flags: "a", mode: 0o600 });
  file.on("error", ({ message }) =>
    onProblem(`the log ${path} cannot be written any more (${message}); the stack goes on without it`),
  );
  return {
    write: (line) => {
      if (!file.destroyed) file.write(`${line}\n`);
    },
    end: () => file.end(),
  };
}
