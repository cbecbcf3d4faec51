import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Stack, startStack } from "../../../devstack/stack.ts";
import { createStackSecrets } from "../../../devstack/stack-secrets.ts";
import { PLAIN_ENVIRONMENT } from "./plain-environment.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
/** Where programs are looked for: first those that npm has brought. */
const PROGRAMS = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);

type Program = readonly [program: string, args: readonly string[], environment?: Readonly<Record<string, string>>];

/** The stack that the examples of the pages work with, and the ways to run them. The stack is there while the tests run. */
export interface ExamplePages {
  readonly stack: Stack;
  readonly directory: string;
  /** Starts a program as a user who has just cloned the repository, with the two variables exported. */
  start(...program: Program): ChildProcessByStdio<null, Readable, Readable>;
  /** Runs a program to its good end; resolves to what it printed. */
  run(...program: Program): Promise<string>;
  /** Runs a script by a shell that stops at the first failure; resolves to what it printed. */
  runShell(script: string, environment?: Readonly<Record<string, string>>): Promise<string>;
}

/** Starts a stack for the tests of the `describe` that calls this, and stops it after them. */
export function useExamplePages(): ExamplePages {
  let directory: string;
  let stack: Stack;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sluice-pages-"));
    const settings = { SLUICE_WORKERS: "1", SLUICE_LOG_LEVEL: "warn" };
    const given = { directory, settings, ...createStackSecrets() };
    stack = await startStack({ ...given, durable: false, environment: PLAIN_ENVIRONMENT });
  });
  after(async () => {
    await stack?.stop();
    await rm(directory, { recursive: true, force: true });
  });
  const start: ExamplePages["start"] = (program, args, environment = {}) =>
    spawn(program, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...PLAIN_ENVIRONMENT,
        PATH: PROGRAMS,
        XDG_STATE_HOME: join(directory, "state"),
        SLUICE_URL: stack.url,
        SLUICE_TOKEN: stack.token,
        ...environment,
      },
    });
  const run: ExamplePages["run"] = async (...program) => {
    const child = start(...program);
    const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
    if (code !== 0) throw new Error(`${program[0]} ended with ${code}: ${stderr}`);
    return stdout;
  };
  return {
    get stack() {
      return stack;
    },
    get directory() {
      return directory;
    },
    start,
    run,
    runShell: (script, environment) => run("bash", ["-euo", "pipefail", "-c", script], environment),
  };
}

/** Command line of a program that uploads. Evaluated and not run as a file, so that its imports are looked for from the top. */
export function programOf(code: string, file: string, path: string): Program {
  return [process.execPath, ["--input-type=module-typescript", "--eval", code, "--", "upload.ts", file, path]];
}
