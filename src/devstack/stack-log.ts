import { createWriteStream } from "node:fs";

/** The file that keeps what the processes of the stack say. */
export interface StackLog {
  write(line: string): void;
  end(): void;
}

/**
 * Appends lines to a file. What cannot be written, for instance on a full disk, ends nothing: `onProblem` hears of it once, and
 * the lines from there on are dropped.
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
