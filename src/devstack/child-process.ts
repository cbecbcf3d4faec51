import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** How long a child may take to end after SIGTERM before it is killed, in milliseconds: more than the service's own drain. */
const STOP_TIMEOUT_MS = 30_000;

/** How long a child that has ended may leave its output open, in milliseconds. */
const LAST_WORDS_MS = 1000;

/** Last lines of a child's output that are kept to explain its end. */
const TAIL_LINES_MAX = 20;

/** A Node process of the stack. */
export interface StackChild {
  readonly name: string;
  readonly pid: number;
  /** Resolves, once it has ended, to a sentence that says how, with its last words. */
  readonly ended: Promise<string>;
  /** Resolves to the first line of its output that `matches`; rejects with the sentence if it ends before. */
  awaitLine(matches: (line: string) => boolean): Promise<string>;
  /** SIGTERM, then SIGKILL after 30 s; resolves when it has ended. Repeatable. */
  stop(): Promise<void>;
  /** SIGKILL: what a crash does. */
  kill(): Promise<void>;
}

/**
 * Starts a TypeScript file as a Node process of its own. It ends when this process does, even by kill -9: its standard
 * input is a pipe that only our end closes. `onLine` gets its output, line by line.
 */
export function startChild(
  name: string,
  file: URL,
  options: {
    args: readonly string[];
    env: Readonly<Record<string, string | undefined>>;
    onLine?: ((line: string) => void) | undefined;
  },
): StackChild {
  const attach = fileURLToPath(new URL("exit-with-parent.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", attach, fileURLToPath(file), ...options.args], {
    env: options.env,
    stdio: ["pipe", "pipe", "pipe"],
    // A Ctrl-C on the terminal goes to the whole group: the stack wants to end its processes in order.
    detached: true,
  });
  const tail: string[] = [];
  const waiting = new Set<(line: string) => void>();
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES_MAX) tail.shift();
      options.onLine?.(line);
      for (const take of waiting) take(line);
    });
  }
  const ended = awaitEnd(child).then((how) => [`${name} ${how}`, ...tail].join("\n  "));
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    awaitLine: (matches) =>
      new Promise((resolve, reject) => {
        const take = (line: string) => {
          if (!matches(line)) return;
          waiting.delete(take);
          resolve(line);
        };
        waiting.add(take);
        ended.then((sentence) => reject(new Error(sentence)));
      }),
    async stop() {
      child.kill("SIGTERM");
      const insist = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(insist);
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function awaitEnd(child: ChildProcess): Promise<string> {
  const closed = once(child, "close");
  closed.catch(() => {});
  try {
    const [code, signal] = await once(child, "exit");
    // Its last words may still be in the pipes; a process of its own that keeps them open is not waited for.
    await Promise.race([closed, delay(LAST_WORDS_MS, undefined, { ref: false })]);
    return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
  } catch (error) {
    return `did not start: ${(error as Error).message}`;
  }
}
